"""Options and settings that several commands share.

A module of commands imports what its signatures name; what a command needs, it imports itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pneumo.base.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def load_settings(path: Path = Path("params.yaml")) -> "Settings":
    """The settings in force. Raises SettingsError."""
    from pneumo.base import settings

    return settings.load_settings(path)
