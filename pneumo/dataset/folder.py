"""The files of a folder that someone else filled, read without leaving it."""

from collections.abc import Iterator
from itertools import compress
from pathlib import Path

from pneumo.base.safe import printable
from pneumo.dicom.ours import is_ours
from pneumo.dicom.read import Square
from pneumo.dicom.source import files_below, leaves
from pneumo.dicom.workers import Rejected, read_squares


def list_folder(source: Path) -> list[Path]:
    """All files below a folder, in a fixed order, but for hidden ones and objects of our own that
    tell of findings; or the one file ``source``."""
    if source.is_dir():
        return [path for path in files_below(source) if not is_ours(path)]
    return [source] if source.exists() or source.is_symlink() else []


def read_folder(
    source: Path,
    files: list[Path],
    size_px: int,
    workers: int | None = None,
    *,
    frontal_only: bool = True,
) -> Iterator[Square | Rejected]:
    """Read ``files`` of the folder ``source`` in worker processes, in order.

    A link to something outside the folder is rejected, ``link_outside``, and never opened.
    """
    inside = [not (source.is_dir() and leaves(path, source)) for path in files]
    answers = read_squares(compress(files, inside), size_px, workers, frontal_only=frontal_only)
    for path, may_be_read in zip(files, inside, strict=True):
        if may_be_read:
            yield next(answers)
        else:
            message = f"{printable(path)}: is a link out of its folder"
            yield Rejected("link_outside", message)
    answers.close()
