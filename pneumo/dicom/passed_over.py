"""What lies among radiographs and is none: hidden files, a DICOMDIR, results of our own."""

import re
from collections.abc import Collection

DICOMDIR = re.compile(r"dicomdir\.?(;1)?", re.I)
"""The File ID that is kept for a medium's directory (PS3.10 8.6); ISO 9660 adds the version."""

MARK = ".scoring"
RESULTS = frozenset(
    {
        "predictions.csv", "predictions.parquet", "rejected.csv", "submission.csv",
        "summary.json", "times.csv", "index.html", "overlays", "shards", "readings",
    }
)  # fmt: skip
"""What scoring, and who reads its results, write into their folder, beside ``MARK``."""

OBJECTS = frozenset({"objects.csv", "refused.csv"})
"""What is written beside objects of findings, which are known by what is in them."""


def passed_over(folders: Collection[str], files: Collection[str]) -> set[str]:
    """Those entries of a folder that are no input, by name.

    In a folder of results, known by ``MARK`` or by its summary and table, only what scoring writes
    is passed over: radiographs may lie in it too.
    """
    ours = MARK in folders or {"summary.json", "predictions.csv"} <= set(files)
    results = RESULTS.intersection([*folders, *files]) if ours else set()
    results |= OBJECTS if set(files) >= OBJECTS else set()
    hidden = {name for name in (*folders, *files) if name.startswith(".")}
    return hidden | results | {name for name in files if DICOMDIR.fullmatch(name)}
