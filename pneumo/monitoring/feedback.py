"""Readers' verdicts as a data set in RSNA's format: a data version that training takes.

A radiograph is taken in when its readers agree, its person is known, and an opacity has boxes.
``reserved.csv`` (``data.reserved_test``) lists what is kept for test: the images of sealed people,
one in five, and of a data set that is added to those of the champion's validation and test people.
So nobody of these is ever trained on. What is not taken in is counted, by reason.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import pandas as pd

from pneumo.base.errors import DataError, RadiographError
from pneumo.base.files import sha256, sha256_of, whole
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS, open_dataset
from pneumo.dataset.sealed import PREFIX, is_sealed
from pneumo.findings.anonymous import renamed
from pneumo.monitoring._answers import Part, answers_of, newest
from pneumo.monitoring._boxes import Box, inside
from pneumo.monitoring._counted import Truth, counted, resolve
from pneumo.monitoring._kept import imports
from pneumo.monitoring._verdicts import AS_CALLED, OPACITY
from pneumo.monitoring.draw import drawn
from pneumo.site.sitekey import person_of, site_key
from pneumo.site.trail import record

if TYPE_CHECKING:
    from pneumo.base.settings import MonitorSettings

RESERVED = "reserved.csv"
SIDES = ("x", "y", "width", "height")
SICK, HEALTHY = "Lung Opacity", "No Lung Opacity / Not Normal"
"""Classes: a reader who saw no opacity did not say that the radiograph is normal."""

LEFT_OUT = {
    "no file": "radiographs are not in the folder any more",
    "no boxes": "opacities have no boxes; name them in the column boxes, or write called",
    "nobody": "radiographs name no person, so nobody can say that theirs are not held out",
    "held out": "radiographs are of people of the champion's validation or test",
    "outside": "radiographs have boxes that lie outside them alone",
    "boxes outside": "boxes lie outside their radiographs, which have others",
    "no DICOM": "files are pictures, or cannot be read; a data set takes DICOM alone",
}


@dataclass(frozen=True)
class Image:
    """One radiograph of a reader's verdict, as it enters the tables."""

    name: str
    person: str
    boxes: Sequence[Sequence[float]]

    @property
    def sealed(self) -> bool:
        """Whether its person is kept for test."""
        return is_sealed(self.person)


def feedback(
    parts: Iterable[Part],
    files: Path,
    target: Path,
    folder: Path,
    *,
    beside: Path | None,
    prepared: Path,
    by: str,
    monitor: "MonitorSettings",
) -> list[str]:
    """Write the data set ``target``, whole; returns what to say of it, in lines.

    ``files`` holds the radiographs, ``folder`` is the monitor's own, ``beside`` a data set in
    RSNA's format to add to, ``prepared`` what the champion was made from. Raises DataError when
    nothing can be taken in, or it is not known who is held out.
    """
    held = _held_out(prepared)
    left: Counter[str] = Counter()
    with whole(target) as new:
        (new / IMAGES).mkdir(parents=True)
        truths = _truths(parts, folder, monitor.audit_share)
        images = [*_written(truths, _found(files, truths), held.people, new / IMAGES, left)]
        if not images:
            told = "; ".join(f"{count} {LEFT_OUT[name]}" for name, count in left.items())
            raise DataError(f"{target}: no verdict can be taken in ({told or 'there is none'})")
        reserved = [image.name for image in images if image.sealed]
        tables = _tables(images)
        if beside:
            tables, added = _joined(beside, tables, held.images, new / IMAGES)
            reserved += added
        for name, table in tables.items():
            table.to_csv(new / name, index=False)
        if reserved:
            pd.DataFrame({"patientId": sorted(reserved)}).to_csv(new / RESERVED, index=False)
        digest = sha256_of(
            {name: sha256(new / name) for name in sorted(p.name for p in new.glob("*.csv"))}
        )
    what = {"images": len(images), "sealed": sum(i.sealed for i in images), "sha256": digest}
    record("feedback", by, "a data version of verdicts", what, once=f"feedback {digest}")
    return [*_lines(target, images, reserved, left)]


@dataclass(frozen=True)
class _Held:
    """Who is in the champion's validation or test: names here of people, and IDs of images."""

    people: frozenset[str]
    images: frozenset[str]


def _held_out(prepared: Path) -> _Held:
    """A person is known by each name a file may give: of the person, or of the image (RSNA)."""
    path = prepared / "index.parquet"
    if not path.exists():
        raise DataError(
            f"{prepared}: holds no prepared data, so nobody knows who is held out; name it with "
            "--prepared"
        )
    index = pd.read_parquet(path, columns=["patientId", "person", "split"])
    held = index[index["split"].isin(["validation", "test"])]
    key, people = site_key(), set()
    for name in {*held["patientId"].dropna(), *held["person"].dropna()}:
        people.add(str(name).removeprefix(PREFIX))
        people.add(person_of(str(name), key))
    return _Held(frozenset(people), frozenset(held["patientId"]))


def _truths(parts: Iterable[Part], folder: Path, share: float) -> list[Truth]:
    parts = list(parts)
    answers = answers_of(parts)
    mine = answers.get(newest(parts), {})
    key = site_key()
    tables = resolve(imports(folder), (a for m in answers.values() for a in m.values()), key)
    found = counted(tables, mine, drawn(folder), share).truths
    return sorted(found, key=lambda truth: truth.answer.content)


def _found(files: Path, truths: Sequence[Truth]) -> dict[str, Path]:
    """Content -> a file that holds it, of those that are wanted."""
    wanted = {truth.answer.content for truth in truths}
    found: dict[str, Path] = {}
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        if (digest := sha256(path)) in wanted:
            found.setdefault(digest, path)
    return found


def _written(
    truths: Sequence[Truth],
    files: Mapping[str, Path],
    held: frozenset[str],
    folder: Path,
    left: Counter[str],
) -> Iterator[Image]:
    for truth in truths:
        answer = truth.answer
        boxes = _boxes(truth)
        reason = (
            "nobody" if not answer.person
            else "held out" if answer.person in held
            and not is_sealed(PREFIX + answer.person)
            else "no boxes" if truth.positive and not boxes
            else "no file" if answer.content not in files
            else ""
        )  # fmt: skip
        name = PREFIX + answer.content[:32]
        image = None
        if not reason:
            try:
                image = _copied(files[answer.content], name, truth, boxes, folder, left)
            except RadiographError:
                reason = "no DICOM"
            else:
                reason = "" if image else "outside"
        if reason:
            left[reason] += 1
        if image:
            yield image


def _copied(
    file: Path, name: str, truth: Truth, drawn: Sequence[Box], folder: Path, left: Counter[str]
) -> Image | None:
    """The radiograph written to ``folder``; None where every box lies outside it."""
    data, (rows, columns) = renamed(file, name, truth.answer.view)
    found = [inside(one, rows, columns) for one in drawn] if truth.positive else []
    boxes = list(dict.fromkeys(tuple(box) for box in found if box))  # a table has none twice
    if truth.positive and not boxes:
        return None
    if None in found:
        left["boxes outside"] += found.count(None)
    (folder / f"{name}.dcm").write_bytes(data)
    return Image(name, PREFIX + truth.answer.person, boxes)


def _boxes(truth: Truth) -> Sequence[Sequence[float]]:
    """Of the last reader who said where; none where nobody did."""
    for verdict in reversed(truth.verdicts):
        if verdict.verdict == OPACITY and verdict.boxes == AS_CALLED:
            return [[box[side] for side in SIDES] for box in json.loads(truth.answer.boxes)]
        if verdict.verdict == OPACITY and verdict.boxes:
            return [list(box) for box in verdict.boxes if not isinstance(box, str)]
    return []


def _tables(images: Sequence[Image]) -> dict[str, pd.DataFrame]:
    rows: list[tuple] = []
    for image in images:
        rows += [(image.name, *box, 1) for box in image.boxes] or [(image.name, *[None] * 4, 0)]
    classes = [(image.name, SICK if image.boxes else HEALTHY) for image in images]
    people = [(image.name, image.person) for image in images]
    return {
        LABELS: pd.DataFrame(rows, columns=["patientId", *SIDES, "Target"]),
        CLASS_INFO: pd.DataFrame(classes, columns=["patientId", "class"]),
        PATIENTS: pd.DataFrame(people, columns=["patientId", "person"]),
    }


def _joined(
    root: Path, tables: Mapping[str, pd.DataFrame], held: frozenset[str], folder: Path
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables with those of ``root`` before them, its radiographs copied, and what is held."""
    data = open_dataset(root)
    images = data.images()
    labels = data.labels[["patientId", *SIDES, "Target"]]
    known = {
        LABELS: labels,
        CLASS_INFO: images[["patientId", "class"]],
        PATIENTS: images[["patientId", "person"]].dropna(),
    }
    for path in data.files:
        copyfile(path, folder / path.name)
    both = {name: pd.concat([known[name], table]) for name, table in tables.items()}
    both[LABELS]["Target"] = both[LABELS]["Target"].astype(int)
    return both, sorted(held & set(images["patientId"]))


def _lines(
    target: Path, images: Sequence[Image], reserved: Sequence[str], left: Mapping[str, int]
) -> Iterator[str]:
    sealed = [image for image in images if image.sealed]
    people = len({image.person for image in images})
    yield (
        f"{target}: {len(images)} radiographs of {people} people, "
        f"{sum(bool(image.boxes) for image in images)} with an opacity; {len(sealed)} are sealed"
    )
    for reason, count in left.items():
        yield f"left out: {count} {LEFT_OUT[reason]}"
    kept = f"data.reserved_test: {RESERVED}, data.test_images: {len(reserved)} at least"
    kept = kept if reserved else "data.reserved_test: null, since nobody is sealed yet"
    yield f"params.yaml: data.root: {target}, {kept}; `dvc add {target}`, then run pneumonia_train"
