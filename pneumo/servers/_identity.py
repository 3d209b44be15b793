"""Whose a folder ``.pneumo`` is: a copy of a checkout is another checkout.

``.pneumo/instance`` holds the random mark that every process of the checkout carries, and where the
folder was when the mark was made. Whoever copies a checkout copies that file as well; the copy is
another folder (inode), so its mark does not count. A folder that was moved is the same one.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.base.files import write_text


@dataclass(frozen=True)
class Identity:
    """A mark, and the folder that it was made for; blank and 0 where nobody noted that."""

    mark: str
    path: str = ""
    device: int = 0
    inode: int = 0

    def is_of(self, home: Path) -> bool:
        """Whether it was made for ``home``, wherever that was then.

        The number of a device may change at every start of a machine, so the path will do for it.
        """
        stat = home.stat()
        return not self.inode or (
            stat.st_ino == self.inode and (stat.st_dev == self.device or str(home) == self.path)
        )


def mark_of(workspace: Path) -> str:
    """The mark of a workspace's processes; blank where none was made, or for another folder."""
    home = _home(workspace)
    noted = _noted(home)
    return noted.mark if noted and noted.is_of(home) and not _is_borrowed(home, noted) else ""


def original(workspace: Path) -> str:
    """Where a copied ``.pneumo`` was copied from; blank for one that is no copy."""
    home = _home(workspace)
    noted = _noted(home)
    return "" if noted is None or noted.is_of(home) else noted.path


def has_moved(workspace: Path) -> bool:
    """Whether the workspace was somewhere else when it was noted last."""
    noted = _noted(_home(workspace))
    return bool(mark_of(workspace) and noted and noted.path not in ("", str(_home(workspace))))


def take(workspace: Path) -> None:
    """Note the workspace's mark and place; a new mark where there is none, or a copied one.

    Raises PneumoError for a link to the folder of another checkout.
    """
    home = _home(workspace)
    noted = _noted(home)
    if noted and _is_borrowed(home, noted):
        raise PneumoError(f"{home}: is a link to that of another checkout, {noted.path}; remove it")
    stat = home.stat()
    mark = mark_of(workspace) or secrets.token_hex(16)
    identity = Identity(mark, str(home), stat.st_dev, stat.st_ino)
    if identity != noted:
        write_text(home / "instance", json.dumps(asdict(identity)) + "\n", mode=0o600)


def _is_borrowed(home: Path, noted: Identity) -> bool:
    """Whether ``home`` is a link to a folder that still is where it was noted."""
    there = Path(noted.path or home)
    return there != home and home.is_symlink() and there.exists() and there.samefile(home)


def _noted(home: Path) -> Identity | None:
    try:
        text = (home / "instance").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity(**json.loads(text)) if text.startswith("{") else Identity(text)


def _home(workspace: Path) -> Path:
    return workspace.resolve() / ".pneumo"
