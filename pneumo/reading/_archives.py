"""Radiographs that lie in zip archives: each is unpacked when it is asked for, and removed."""

import hashlib
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from threading import Lock

from pneumo.base.errors import DataError
from pneumo.dataset.archive import fault_of, unpack_one
from pneumo.dicom.source import LARGEST_FILE_BYTES


class Archives:
    """Members of archives, in a private folder that goes with ``close``."""

    def __init__(self) -> None:
        self._folder, self._lock = tempfile.TemporaryDirectory(prefix="pneumo-"), Lock()

    def file(self, path: Path) -> Path:
        """The file at ``path``, or the member that it names of an archive; ``path`` for neither.

        ``score`` names a member by its archive and its name in it.
        """
        with suppress(OSError, ValueError):
            if path.exists():
                return path
            for archive in path.parents:
                if archive.is_file():
                    return self._member(archive, path.relative_to(archive).as_posix()) or path
        return path

    def close(self) -> None:
        """Remove what was unpacked."""
        self._folder.cleanup()

    def _member(self, archive: Path, name: str) -> Path | None:
        key = hashlib.sha256(f"{archive}/{name}".encode(errors="surrogateescape")).hexdigest()
        target = Path(self._folder.name) / key
        with self._lock, suppress(OSError, ValueError, KeyError, zipfile.BadZipFile, DataError):
            if not target.exists():
                _unpack(archive, name, target)
            return target
        return None


def _unpack(archive: Path, name: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        member = opened.getinfo(name)
        if member.file_size > LARGEST_FILE_BYTES or fault_of(member):
            raise ValueError("is not unpacked")
        unpack_one(opened, member, target)
