"""Options and settings that several commands share.

A module of commands imports what its signatures name; what a command needs, it imports itself.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pneumo.base.errors import PneumoError

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Day = Annotated[str, typer.Option(help="The day of this run, such as 2026-11-28. Blank: today.")]
MonitorFolder = Annotated[Path, typer.Option("--out", help="The monitor's own folder.")]
MONITOR = Path("data/monitor")
SKIPPED = 99
"""The exit code by which Airflow knows that a task had nothing to do."""


def load_settings(path: Path = Path("params.yaml")) -> "Settings":
    """The settings in force. Raises SettingsError."""
    from pneumo.base import settings

    return settings.load_settings(path)


def day_of(text: str) -> date:
    """The day that ``--day`` names, today in UTC where it is blank. Raises PneumoError."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PneumoError("--day: must be a day such as 2026-11-28") from None


def gathered(command: Callable[..., None]) -> Callable[..., None]:
    """Let Typer show each field of a command's last parameter, a dataclass, as an option.

    Every field has a default, and ``typer.Option`` in its annotation.
    """
    *own, last = inspect.signature(command).parameters.values()
    kind = last.annotation
    shown = [*own, *map(_option, fields(kind))]

    @wraps(command)
    def run(**given: Any) -> None:
        asked = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given, **{last.name: asked})

    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _option(field: Field) -> inspect.Parameter:
    default = field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=default, annotation=field.type)


def pairs(option: str, words: list[str]) -> dict[str, str]:
    """``name=value`` words as a dict; PneumoError names one that is none."""
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, sign, _ in pairs if not sign]:
        raise PneumoError(f"{option} {wrong[0]}: write it as name=value")
    return {name: value for name, _, value in pairs}


def changes(words: list[str]) -> dict[str, Any]:
    """The settings of ``--set``, their values as YAML has them."""
    import yaml

    return {key: yaml.safe_load(value) for key, value in pairs("--set", words).items()}
