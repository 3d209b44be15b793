"""Objects for the rows of a folder of results; run again it writes the same bytes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError, PneumoError, RadiographError
from pneumo.base.locks import alone
from pneumo.base.safe import printable
from pneumo.base.words import OverlayName
from pneumo.dicom import Square
from pneumo.dicom.identity import data_set_sum, read_dataset, sum_of
from pneumo.dicom.refusal import Refused, refuse
from pneumo.dicom.workers import Rejected, read_squares
from pneumo.findings._extra import needs_extra
from pneumo.findings._files import encoded, file_name, put_file
from pneumo.findings._headers import taken_over
from pneumo.findings._index import (
    MOMENT,
    Entry,
    Refusal,
    named,
    read_index,
    write_index,
    write_refused,
)
from pneumo.findings._picture import SIDE_PX, picture
from pneumo.findings._presentation import presentation
from pneumo.findings._readback import faults_of
from pneumo.findings._report import report
from pneumo.findings._results import Row, scored_rows
from pneumo.findings._sources import Sources
from pneumo.findings._subject import Subject

if TYPE_CHECKING:
    from pydicom import Dataset


def write(
    results: Path,
    objects: Path,
    *,
    sources: Path | None = None,
    secondary: OverlayName = "none",
    predecessors: Path | None = None,
) -> dict[str, Any]:
    """Write a report and a presentation state per scored radiograph of ``results``.

    ``secondary`` says which radiographs get a picture too. Sources are the files that were scored,
    or those below ``sources`` with their sum or UID. ``objects`` gets ``objects.csv`` and
    ``refused.csv``. Objects of earlier scorings stay; a new report names as predecessors those
    whose UIDs the file ``predecessors`` lists, one a line: reports that the PACS has. What is
    listed already keeps its time and its predecessors, however often it is scored. Returns counts.
    Raises DataError for results that cannot be read, PneumoError without the extra.
    """
    needs_extra()
    sent = _uids_in(predecessors)
    rows, found = list(scored_rows(results)), Sources(sources)
    objects.mkdir(parents=True, exist_ok=True)
    with alone(objects / ".writing"):
        work = _Work(objects, read_index(objects), sent)
        shown: list[tuple[Row, Path]] = []
        for row, path in paths_of(rows, found, work.refused):
            try:
                subject = subject_of(row, path)
                subject = work.put("sr", replace(subject, earlier=work.earlier(row)), report)
                work.put("gsps", subject, presentation)
                if secondary == "all" or (secondary == "positive" and row.positive):
                    shown.append((subject.row, path))
            except (Refused, RadiographError) as fault:
                work.refused.append(refusal_of(row, fault))
        for row, path, square in _squares(shown):
            work.draw(row, path, square)
        write_refused(objects, work.refused)
        write_index(objects, work.entries.values())
    return work.told()


class _Work:
    """The objects of a run as they are written, and what is said of them."""

    def __init__(self, objects: Path, before: list[Entry], sent: frozenset[str]) -> None:
        self.objects, self.sent = objects, sent
        self.entries = {entry["sop_instance_uid"]: entry for entry in before}
        self.about: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in before:
            self.about[entry["source_sop_instance_uid"]].append(entry)
        self.refused: list[Refusal] = []
        self.counts: Counter[str] = Counter()

    def earlier(self, row: Row) -> tuple[Entry, ...]:
        """The reports on a radiograph that were sent."""
        about = self.about[row.instance_uid]
        return tuple(e for e in about if e["kind"] == "sr" and e["sop_instance_uid"] in self.sent)

    def put(self, kind: str, subject: Subject, made: Callable[[Subject], "Dataset"]) -> Subject:
        """Write one object, read back from its bytes first; one that is listed as it was."""
        dataset = made(subject)
        if known := self.entries.get(str(dataset.SOPInstanceUID)):
            subject = self._as_known(subject, known)
            dataset = made(subject)
        data = encoded(dataset)
        entry = _entry(kind, data, subject)
        self._list(entry, known)
        self.counts[kind] += 1
        self.counts["written"] += put_file(self.objects / entry["file"], data)
        return subject

    def draw(self, row: Row, path: Path, square: Square | Rejected) -> None:
        """Write a picture; what cannot be drawn has none, and is listed with the reason."""
        try:
            if isinstance(square, Rejected):
                refuse(square.reason, f"cannot be drawn: {square.message}")
            self.put("sc", subject_of(row, path), lambda subject: picture(subject, square))
        except (Refused, RadiographError) as fault:
            self.refused.append(refusal_of(row, fault))
            self.counts["undrawn"] += 1

    def _as_known(self, subject: Subject, known: Entry) -> Subject:
        """With the time and the predecessors that an object has, so that its bytes stay."""
        row = replace(subject.row, scored_at=datetime.strptime(known["scored_at"], MOMENT))
        earlier = tuple(self.entries[uid] for uid in named(known))
        return replace(subject, row=row, earlier=earlier)

    def _list(self, entry: Entry, known: Entry | None) -> None:
        """Another report ends what was said before; another object, that of its kind."""
        another = entry["kind"] == "sr" and not (known and known["latest"])
        about = self.about[entry["source_sop_instance_uid"]]
        for other in about:
            if another or other["kind"] == entry["kind"]:
                other["latest"] = ""
        if known:
            known.update(entry)
        else:
            self.entries[entry["sop_instance_uid"]] = entry
            about.append(entry)

    def told(self) -> dict[str, Any]:
        """The counts by name."""
        reasons = Counter(row["reason"] for row in self.refused)
        return {
            "radiographs": self.counts["sr"] + len(self.refused) - self.counts["undrawn"],
            **{name: self.counts[name] for name in ("sr", "gsps", "sc", "written")},
            "refused": len(self.refused),
            "reasons": dict(reasons.most_common()),
        }


def subject_of(row: Row, path: Path) -> Subject:
    """A row with its source, read and summed. Raises RadiographError or Refused."""
    source = read_dataset(path)
    try:
        source_sum = sum_of(source)
        size = (int(source.Rows), int(source.Columns))
    except Exception:  # pydicom raises many kinds on a broken element
        refuse("bad_header", "has an element that cannot be read; export it anew")
    taken = taken_over(source)
    if taken.reference["SOPInstanceUID"] != row.instance_uid:
        refuse("no_source", "is another radiograph than was scored")
    if size != (row.rows, row.columns):
        refuse("no_source", "has another size than the radiograph that was scored")
    return Subject(source, taken, row, source_sum)


def paths_of(
    rows: Iterable[Row], sources: Sources, refused: list[Refusal]
) -> Iterator[tuple[Row, Path]]:
    """The rows that have a source, each radiograph once; two of one UID are refused."""
    found: dict[str, list[tuple[Row, Path]]] = {}
    for row in rows:
        try:
            if not row.instance_uid:
                refuse("no_uid", "has no SOPInstanceUID, by which a report could name it")
            path = sources.find(row)
            found.setdefault(row.instance_uid, []).append((row, path))
        except Refused as fault:
            refused.append(refusal_of(row, fault))
    for same in found.values():
        try:
            if len(same) > 1 and len({data_set_sum(path) for _, path in same}) > 1:
                refuse(
                    "ambiguous_uid", f"shares its SOPInstanceUID with another of {len(same)} files"
                )
            yield same[0]
        except (Refused, RadiographError) as fault:
            refused += [refusal_of(row, fault) for row, _ in same]


def _uids_in(path: Path | None) -> frozenset[str]:
    """The lines of a file. Raises DataError."""
    try:
        return frozenset(path.read_text(encoding="ascii").split() if path else ())
    except (OSError, UnicodeError):
        raise DataError(f"{printable(path or '')}: is no list of UIDs that can be read") from None


def _squares(shown: list[tuple[Row, Path]]) -> Iterator[tuple[Row, Path, Square | Rejected]]:
    paths = [path for _, path in shown]
    squares = read_squares(paths, SIDE_PX, 1, frontal_only=False) if paths else iter(())
    for (row, path), square in zip(shown, squares, strict=True):
        yield row, path, square


def _entry(kind: str, data: bytes, subject: Subject) -> Entry:
    """The row of an object, from its bytes. Raises PneumoError where they say another thing."""
    from pydicom import dcmread

    read = dcmread(BytesIO(data))
    object_sum = sum_of(read)  # before anything of it is looked at
    if faults := list(faults_of(read, subject.row, subject.taken, subject.source_sum)):
        where = printable(subject.row.file)
        raise PneumoError(f"{where}: its {kind} {faults[0]}; it is not written")
    return {
        "source_sop_instance_uid": subject.row.instance_uid,
        "source_sum": subject.source_sum,
        "kind": kind,
        "sop_class_uid": str(read.SOPClassUID),
        "sop_instance_uid": str(read.SOPInstanceUID),
        "series_instance_uid": str(read.SeriesInstanceUID),
        "study_instance_uid": str(read.StudyInstanceUID),
        "file": file_name(str(read.SOPInstanceUID)),
        "object_sum": object_sum,
        "model": subject.row.digest,
        "version": subject.row.version,
        "engine": subject.row.engine,
        "precision": subject.row.precision,
        "scored_at": _moment(subject.row),
        "repaired": ";".join(subject.taken.repaired),
        "predecessors": ";".join(row["sop_instance_uid"] for row in subject.earlier),
        "latest": "yes",
    }


def refusal_of(row: Row, fault: Refused | RadiographError) -> Refusal:
    """Why a row has no object, as ``refused.csv`` has it."""
    message = str(fault).partition(": ")[2] if isinstance(fault, RadiographError) else fault.message
    return {
        "file": row.file,
        "instance_uid": row.instance_uid,
        "reason": fault.reason,
        "message": message,
    }


def _moment(row: Row) -> str:
    return row.scored_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
