"""The labels of one reader as a data set in RSNA's format, which `validate` and `train` take."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.files import whole
from pneumo.base.locks import alone
from pneumo.base.safe import printable
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS
from pneumo.dataset.rsna import CLASSES, LABEL_COLUMNS
from pneumo.reading._images import Image
from pneumo.reading._readings import VERDICTS, Reading
from pneumo.reading._tables import write_table

OPACITY, CLEAR, _ = VERDICTS
CLASS = {OPACITY: CLASSES[2], CLEAR: CLASSES[1]}
LONGEST_ID = 64
OURS = ".pneumo-read"
"""The file that says that a folder is ours, so that nothing of another one is overwritten."""

PICTURES = (b"\x89PNG", b"\xff\xd8")
"""What PNG and JPEG files begin with, which a data set of DICOM files has no place for."""


class Labelled:
    """The folder ``root``: tables, and the labelled radiographs under names of their own.

    An opacity counts when it has a box; ``unsure`` does not count, nor does a picture that is no
    DICOM file. Radiographs are linked, or copied where the disk has no links. DataError for a
    folder that holds something else.
    """

    def __init__(self, root: Path, images: Iterable[Image]) -> None:
        self.root = root
        self._named = {image.key: (_name(image), image.path) for image in images}
        if root.exists() and not (root / OURS).exists() and not _is_empty(root):
            raise DataError(
                f"{printable(root)}: holds what was not written here; name another --reader, or "
                "another folder by --labels"
            )

    def write(self, load: Callable[[], Mapping[str, Reading]]) -> None:
        """Write what ``load`` says is labelled now, each table whole; radiographs that are no
        longer so go. One process writes at a time."""
        folder = self.root / IMAGES
        for place in (self.root.parent, self.root, folder):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone(self.root / OURS):
            used = {
                self._named[key][0]: row
                for key, row in load().items()
                if key in self._named and self._is_used(key, row, folder)
            }
            self._tables(dict(sorted(used.items())))
            for path in folder.glob("*.dcm"):
                if path.stem not in used:
                    path.unlink(missing_ok=True)

    def _is_used(self, key: str, row: Reading, folder: Path) -> bool:
        """Whether a radiograph is labelled, and there; then it is in ``folder``."""
        if row.verdict != CLEAR and not (row.verdict == OPACITY and row.boxes):
            return False
        name, path = self._named[key]
        try:
            return _link(path, folder / f"{name}.dcm")
        except FileNotFoundError:
            return False

    def _tables(self, rows: Mapping[str, Reading]) -> None:
        lines = [line for name, row in rows.items() for line in _lines(name, row)]
        write_table(self.root / LABELS, LABEL_COLUMNS, lines)
        classes = [(name, CLASS[row.verdict]) for name, row in rows.items()]
        write_table(self.root / CLASS_INFO, ("patientId", "class"), classes)
        people = [(name, row.person or name) for name, row in rows.items()]
        write_table(self.root / PATIENTS, ("patientId", "person"), people)


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _name(image: Image) -> str:
    """The ``patientId`` of a file, in letters that any table takes, whatever else is listed.

    That of a file in the folder itself is its name; others have a sum of where they lie behind.
    """
    stem = image.path.stem
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    if image.key == f"{plain}.dcm" and len(plain) <= LONGEST_ID:
        return plain
    mark = hashlib.sha256(image.key.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{plain[: LONGEST_ID - 9] or 'image'}-{mark}"


def _lines(name: str, row: Reading) -> Iterator[Sequence[Any]]:
    if row.verdict == CLEAR:
        yield (name, "", "", "", "", 0)
    for box in row.boxes:
        yield (name, *box, 1)


def _link(path: Path, target: Path) -> bool:
    """Whether a DICOM file is at ``target`` now. FileNotFoundError where there is none at all."""
    if os.path.lexists(target):
        return True
    with path.open("rb") as file:
        if file.read(4).startswith(PICTURES):
            return False
    with suppress(FileExistsError):
        try:
            os.link(path.resolve(), target)
        except OSError:  # another disk, or one without links
            with whole(target) as new:
                shutil.copyfile(path, new)
    return True
