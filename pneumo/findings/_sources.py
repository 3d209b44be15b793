"""The radiographs that rows are about, found by the sum of their bytes, or by their UID."""

from functools import cached_property
from pathlib import Path

from pneumo.base.errors import DataError, RadiographError
from pneumo.base.files import sha256
from pneumo.base.safe import printable
from pneumo.dicom.identity import read_dataset
from pneumo.dicom.refusal import Refused, refuse
from pneumo.dicom.source import files_below, leaves
from pneumo.findings._results import Row
from pneumo.findings._texts import text_of

SOP_INSTANCE_UID = 0x00080018


class Sources:
    """The files below ``folder``; without one, those that the rows name."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise DataError(f"{printable(folder)}: is no folder; name that of the radiographs")
        self.folder = folder

    def find(self, row: Row) -> Path:
        """The file of a row.

        The one that was scored, byte for byte; else, below a folder, those of its SOP Instance UID,
        as a PACS gives them back. Raises Refused, ``no_source``.
        """
        if self.folder is None:
            path = Path(row.file)
            if path.is_file() and (not row.content or sha256(path) == row.content):
                return path
            refuse(
                "no_source", "is not there any more as it was scored; name its folder: --sources"
            )
        if row.content in self._by_content:
            return self._by_content[row.content]
        if found := self.of_uid(row.instance_uid):
            return found[0]
        refuse("no_source", "is not among the sources")

    def of_uid(self, uid: str) -> list[Path]:
        """The files of a SOP Instance UID."""
        return self._by_uid.get(uid, []) if uid else []

    @cached_property
    def _files(self) -> list[Path]:
        folder = self.folder
        assert folder is not None
        return [p for p in files_below(folder) if p.is_file() and not leaves(p, folder)]

    @cached_property
    def _by_content(self) -> dict[str, Path]:
        return {sha256(path): path for path in reversed(self._files)}

    @cached_property
    def _by_uid(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self._files:
            try:
                uid = text_of(read_dataset(path, pixels=False), SOP_INSTANCE_UID)
            except (RadiographError, Refused):
                continue
            if uid:
                found.setdefault(uid, []).append(path)
        return found
