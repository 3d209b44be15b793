"""Objects read back, each against its row and its radiograph."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base.errors import DataError, RadiographError
from pneumo.base.safe import printable
from pneumo.dicom.identity import read_dataset, sum_of
from pneumo.dicom.ours import ours
from pneumo.dicom.refusal import Refused, refuse
from pneumo.dicom.source import files_below
from pneumo.findings._index import Entry, Refusal, read_index
from pneumo.findings._readback import faults_of, is_intact, kind_of, sources_of
from pneumo.findings._results import Row, scored_rows
from pneumo.findings._sources import Sources
from pneumo.findings.objects import paths_of, refusal_of, subject_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from pneumo.findings._subject import Subject

DUE = ("sr", "gsps")


@dataclass
class Checked:
    """What was looked at: objects by kind, radiographs without any on purpose, and the faults."""

    kinds: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    earlier: int = 0
    faults: list[str] = field(default_factory=list)


def check(objects: Path, results: Path, sources: Path) -> Checked:
    """Read every object below ``objects`` back and compare it with its row and its source.

    It is no matter how the objects got there: files from a PACS are as good as those written here.
    Each scored radiograph has one report and one presentation state; what ``write`` refuses has
    none. Objects of earlier scorings of a radiograph are counted only. Raises DataError for a
    folder or results that cannot be read.
    """
    if not objects.is_dir():
        raise DataError(f"{printable(objects)}: is no folder; name that of the objects")
    found, refused = Checked(), list[Refusal]()
    subjects = dict(_subjects(list(scored_rows(results)), Sources(sources), refused))
    found.refused = len(refused)
    for fault in refused:
        if fault["reason"] == "no_source":
            found.faults.append(f"{printable(fault['file'])}: {fault['message']}")
    index = {entry["sop_instance_uid"]: entry for entry in read_index(objects)}
    had: Counter[tuple[str, str]] = Counter()
    for path in sorted(path for path in files_below(objects) if path.suffix == ".dcm"):
        try:
            dataset, about, entry = _opened(path, subjects, index)
        except (Refused, RadiographError) as refusal:
            message = refusal.message if isinstance(refusal, Refused) else "is no DICOM file"
            found.faults.append(f"{printable(path)}: {message}")
            continue
        faults = list(faults_of(dataset, about.row, about.taken, about.source_sum))
        earlier = faults and _is_earlier(dataset, about) and is_intact(dataset, about.source_sum)
        if earlier or (entry and not entry["latest"]):
            found.earlier += 1
            continue
        kind = kind_of(dataset)
        found.kinds[kind] += 1
        had[about.row.instance_uid, kind] += 1
        found.faults += [f"{printable(path)}: {fault}" for fault in faults]
    for entry in index.values():  # what was opened is gone from it
        found.faults.append(f"{printable(objects / entry['file'])}: is listed, and not there")
    for uid, about in subjects.items():
        for kind in DUE:
            if had[uid, kind] != 1:
                where = printable(about.row.file)
                found.faults.append(f"{where}: has {had[uid, kind]} objects of kind {kind}")
    return found


def _subjects(
    rows: list[Row], sources: Sources, refused: list[Refusal]
) -> "Iterator[tuple[str, Subject]]":
    for row, path in paths_of(rows, sources, refused):
        try:
            yield row.instance_uid, subject_of(row, path)
        except (Refused, RadiographError) as fault:
            refused.append(refusal_of(row, fault))


def _opened(
    path: Path, subjects: "dict[str, Subject]", index: dict[str, Entry]
) -> "tuple[Dataset, Subject, Entry | None]":
    """An object and the radiograph it is about; its row leaves ``index``. Raises Refused."""
    dataset = read_dataset(path)
    object_sum = sum_of(dataset)
    if not ours(dataset):
        refuse("strange", "is no object of findings")
    entry = index.pop(str(dataset.SOPInstanceUID), None)
    if entry and entry["object_sum"] != object_sum:
        refuse("changed", "has other contents than were written")
    about = [subjects[uid] for uid in sources_of(dataset) if uid in subjects]
    if not about:
        refuse("no_row", "is about no radiograph of these results")
    return dataset, about[0], entry


def _is_earlier(dataset: "Dataset", subject: "Subject") -> bool:
    """Whether the object tells of a scoring before that of the row."""
    told = [str(dataset.get(f"InstanceCreation{part}", "")) for part in ("Date", "Time")]
    return told < [subject.date, subject.time]
