"""A data set, or the difference of two, as a page to look at before training."""

from collections.abc import Sequence
from pathlib import Path

from pneumo.base.files import write_text
from pneumo.explore._page import render
from pneumo.explore._survey import Survey, survey


def explore(
    out: Path, roots: Sequence[Path], workers: int | None = None, *, frontal_only: bool = True
) -> list[Survey]:
    """Write ``out`` (HTML, self-contained) about one data set or two in RSNA's format.

    It shows counts and pictures, no identifier of a patient or a file; a radiograph is named by
    its line in the table of labels. Returns what was read; DataError when a table is missing.
    """
    surveys = [survey(root, workers, frontal_only=frontal_only) for root in roots]
    write_text(out, render(surveys))
    return surveys
