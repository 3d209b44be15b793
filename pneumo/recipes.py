"""Complete settings files to start from, in the folder ``recipes``."""

import difflib
from pathlib import Path

from pneumo.errors import SettingsError
from pneumo.files import write_text
from pneumo.settings import load_settings

FOLDER, INSTALLED = Path("recipes"), Path("params.yaml")


def available() -> list[str]:
    """Names of the recipes, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def install(name: str) -> list[str]:
    """Make a recipe ``params.yaml``; return the lines that change, as a diff without context.

    Raises SettingsError when there is no such recipe or it cannot be used; nothing is written.
    """
    if name not in available():
        known = ", ".join(available()) or "none"
        raise SettingsError(str(FOLDER), [f"{name}: no such recipe; there are {known}"])
    source = FOLDER / f"{name}.yaml"
    load_settings(source)
    new = source.read_text(encoding="utf-8")
    old = INSTALLED.read_text(encoding="utf-8") if INSTALLED.exists() else ""
    if new != old:
        write_text(INSTALLED, new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:2] not in ("--", "++", "@@")]
