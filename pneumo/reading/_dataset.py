"""The labels of one reader as a data set in RSNA's format, which `validate` and `train` take."""

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pneumo.base.files import whole
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS
from pneumo.dataset.rsna import CLASSES, LABEL_COLUMNS
from pneumo.reading._images import Image
from pneumo.reading._readings import VERDICTS, Reading

OPACITY, CLEAR, _ = VERDICTS
CLASS = {OPACITY: CLASSES[2], CLEAR: CLASSES[1]}
LONGEST_ID = 64


class Labelled:
    """The folder ``root``: tables, and the labelled radiographs under names of their own.

    An opacity counts when it has a box; ``unsure`` does not count. Radiographs are linked, or
    copied where the disk has no links.
    """

    def __init__(self, root: Path, images: Iterable[Image]) -> None:
        self.root, self._named = root, dict(_named(images))

    def write(self, readings: Mapping[str, Reading]) -> None:
        """Write what is labelled now, each table whole; radiographs that are no longer so go."""
        used = {
            self._named[key][0]: (self._named[key][1], row)
            for key, row in readings.items()
            if key in self._named
            and (row.verdict == CLEAR or (row.verdict == OPACITY and row.boxes))
        }
        rows = {name: row for name, (_, row) in sorted(used.items())}
        folder = self.root / IMAGES
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, (path, _) in used.items():
            _link(path, folder / f"{name}.dcm")
        lines = [line for name, row in rows.items() for line in _lines(name, row)]
        _table(self.root / LABELS, LABEL_COLUMNS, lines)
        classes = [(name, CLASS[row.verdict]) for name, row in rows.items()]
        _table(self.root / CLASS_INFO, ("patientId", "class"), classes)
        people = [(name, row.person or name) for name, row in rows.items()]
        _table(self.root / PATIENTS, ("patientId", "person"), people)
        for path in folder.glob("*.dcm"):
            if path.stem not in used:
                path.unlink(missing_ok=True)


def _named(images: Iterable[Image]) -> Iterator[tuple[str, tuple[str, Path]]]:
    """Key -> ``patientId``, a file's name in letters that any table takes, and the file."""
    taken: Counter[str] = Counter()
    for image in images:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", image.path.stem).strip("_-")[:LONGEST_ID] or "image"
        taken[plain.lower()] += 1
        number = taken[plain.lower()]
        yield image.key, (plain if number == 1 else f"{plain}.{number}", image.path)


def _lines(name: str, row: Reading) -> Iterator[Sequence[Any]]:
    if row.verdict == CLEAR:
        yield (name, "", "", "", "", 0)
    for box in row.boxes:
        yield (name, *box, 1)


def _link(path: Path, target: Path) -> None:
    if os.path.lexists(target):
        return
    with suppress(FileExistsError):
        try:
            os.link(path.resolve(), target)
        except OSError:  # another disk, or one without links
            with whole(target) as new:
                shutil.copyfile(path, new)


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with whole(path) as new, new.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(columns)
        table.writerows(rows)
        stream.flush()
        os.fsync(stream.fileno())
