"""The counts of a run, kept while its rows pass, and its last file ``summary.json``."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.files import write_json


class Counts:
    """What passed; ``files`` is always ``scored`` + ``rejected``."""

    def __init__(self) -> None:
        self._files = self._scored = self._positive = self._copies = self._uids_again = 0
        self._noted = 0
        self._reasons: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._reviews: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._precisions: Counter[str] = Counter()
        self._uids: set[str] = set()
        self._seconds: list[float] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row."""
        self._files += 1
        self._copies += bool(row["duplicate_of"])
        self._seconds.append(row["seconds"] or 0.0)
        if row["status"] == "rejected":
            self._reasons[row["reason"]] += 1
            return
        self._scored += 1
        self._positive += row["boxes"] != "[]"
        self._noted += bool(row["notes"])
        self._reviews.update(row["review"].split(";") if row["review"] else ())
        self._notes.update(row["notes"].split(";") if row["notes"] else ())
        self._models[row["model"]] += 1
        self._precisions[f"{row['engine']} {row['precision']}"] += 1
        if uid := row["instance_uid"]:
            self._uids_again += uid in self._uids
            self._uids.add(uid)

    def summary(self) -> dict[str, Any]:
        """The counts by name."""
        return {
            "files": self._files,
            "scored": self._scored,
            "rejected": self._reasons.total(),
            "reasons": dict(self._reasons.most_common()),
            "positive": self._positive,
            "noted": self._noted,
            "notes": dict(self._notes.most_common()),
            "review": dict(self._reviews.most_common()),
            "duplicate_files": self._copies,
            "duplicate_uids": self._uids_again,
            "models": dict(self._models),
            "precisions": dict(self._precisions),
            "seconds_of_images": round(math.fsum(self._seconds), 3),
        }


def write_summary(out: Path, found: Mapping[str, Any]) -> None:
    """Write ``summary.json``, the last file of a run. Raises DataError when counts disagree."""
    if found["files"] != found["scored"] + found["rejected"]:
        raise DataError(f"{out}: the counts disagree: {dict(found)}")
    write_json(out / "summary.json", found)
