"""Complete settings files to start from, in the folder ``recipes``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumo.base.errors import PneumoError, SettingsError
from pneumo.base.files import write_text
from pneumo.base.settings import load_settings

FOLDER, INSTALLED = Path("recipes"), Path("params.yaml")


def available() -> list[str]:
    """Names of the recipes, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def purpose(name: str) -> str:
    """What a recipe is for: the comment in its first line; blank: there is none."""
    with (FOLDER / f"{name}.yaml").open(encoding="utf-8") as file:
        line = file.readline()
    return line.lstrip("# ").rstrip() if line.startswith("#") else ""


def settings_file(name: str) -> Path:
    """The file of a recipe, or of the settings file ``name``. PneumoError when it is not there."""
    path = Path(name) if name.endswith(".yaml") else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise PneumoError(f"{path}: no such recipe")
    return path


def install(name: str) -> list[str]:
    """Make a recipe ``params.yaml``; return a line per setting that changes, old -> new.

    Raises SettingsError when there is no such recipe or it cannot be used; nothing is written.
    """
    if name not in available():
        known = ", ".join(available()) or "none"
        raise SettingsError(str(FOLDER), [f"{name}: no such recipe; there are {known}"])
    source = FOLDER / f"{name}.yaml"
    new = dict(_flat(load_settings(source).model_dump()))
    old = _installed()
    write_text(INSTALLED, source.read_text(encoding="utf-8"))
    return [f"{key}: {old.get(key)} -> {new[key]}" for key in new if old.get(key) != new[key]]


def _installed() -> dict[str, Any]:
    """The settings in force, flat; none when they cannot be used and are to be replaced."""
    try:
        return dict(_flat(load_settings(INSTALLED).model_dump()))
    except SettingsError:
        return {}


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
