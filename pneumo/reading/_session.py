"""One reader at one folder: what there is to read, what was said, and who answers."""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pneumo.base.errors import DataError
from pneumo.dicom.workers import Rejected
from pneumo.monitoring.labels import meaning
from pneumo.reading._agreement import agreement
from pneumo.reading._answers import Answers
from pneumo.reading._dataset import Labelled
from pneumo.reading._images import Image, told
from pneumo.reading._maps import Maps
from pneumo.reading._pixels import Pixels, Shown
from pneumo.reading._readings import (
    LONGEST_COMMENT,
    VERDICTS,
    Reading,
    Readings,
    boxes_of,
    now,
    read_readings,
)
from pneumo.site.sitekey import person_of, site_key

Mode = Literal["results", "label"]
CHANGED = (
    "is another file than the one that was read under this name; give it another name, or take its "
    "row out of the table of readings"
)


@dataclass
class Session:
    """What the server serves. ``labelled`` is there in mode ``label``, ``answers`` in the other."""

    mode: Mode
    reader: str
    blind: bool
    images: Mapping[str, Image]
    readings: Readings
    pixels: Pixels
    answers: Answers | None = None
    labelled: Labelled | None = None
    _saving: Lock = field(default_factory=Lock)

    def worklist(self) -> dict[str, Any]:
        """Everything the page needs to list; no radiograph is opened."""
        said = self.readings.load()
        rows = []
        for image in self.images.values():
            mine = said.get(image.key)
            hidden = self.mode == "label" or (self.blind and not (mine and mine.seen_at))
            reading = mine.told() if mine else None
            rows.append(told(image, hidden=hidden) | {"reading": reading})
        return {
            "mode": self.mode,
            "reader": self.reader,
            "blind": self.blind,
            "model": self.model,
            "verdicts": list(VERDICTS),
            "images": rows,
        }

    @cached_property
    def model(self) -> str | None:
        """The ensemble that answered, in words."""
        names = (image.row.get("model") for image in self.images.values())
        return next((name for name in names if name), None)

    @cached_property
    def maps(self) -> Maps | None:
        """The ensemble that answered, to be asked again; None where the results name none."""
        digests = (image.row.get("model_sha256") for image in self.images.values())
        digest = next((one for one in digests if one), None)
        scorer = self.answers.scorer(digest) if self.answers and digest else None
        return Maps(scorer) if scorer else None

    def answer(self, image: Image) -> dict[str, Any]:
        """What the ensemble says; that it was shown is on disk before this returns."""
        if not self.answers or image.status != "scored":
            none = dict.fromkeys(("model", "probability", "disagreement", "review_reason"))
            return none | {"boxes": [], "heat": False, "networks": [], "prior": []}
        self.seen(image)
        networks = self.maps.networks if self.maps else []
        heat = {"heat": bool(networks), "networks": networks}
        return self.answers.answer(image) | heat

    def seen(self, image: Image) -> None:
        """Note that the answer on an image is shown."""
        self.readings.see(self._of(image), now())

    def save(self, image: Image, said: Mapping[str, Any]) -> Reading:
        """Keep what the reader says. ValueError says what is wrong; Stale: it was changed since."""
        reading = self._of(image)
        rows, columns = image.row.get("rows"), image.row.get("columns")
        if not self.answers:
            reading, rows, columns = self._decoded(image, reading)
        verdict = said.get("verdict") or ""
        if verdict not in ("", *VERDICTS):
            verdict = _meaning(verdict)
        boxes = boxes_of(said.get("boxes") or [], rows, columns)
        if boxes and verdict not in ("", VERDICTS[0]):
            raise ValueError(f"boxes stand beside the verdict {verdict}")
        shown = "yes" if self.answers and not self.blind else "no"
        reading = replace(
            reading,
            verdict=verdict,
            boxes=boxes,
            comment=_comment(said.get("comment")),
            ai_seen=shown,
        )
        revision = _revision(said.get("revision"))
        with self._saving:
            kept = self.readings.save(reading, revision)
            self.write_data()
        return kept

    def write_data(self) -> None:
        """Write the data set of what is labelled; what is in the table is not lost by a fault."""
        if self.labelled:
            try:
                self.labelled.write(self.readings.load)
            except OSError as error:
                said = f"the data set cannot be written ({error.strerror})"
                print(f"pneumo read: {said}; it is with the next change", file=sys.stderr)

    def look(self, image: Image) -> Shown | Rejected:
        """An image's pixels. Rejected, too, for another file than was read under its name."""
        if image.status == "rejected":
            return Rejected("rejected", image.reason)
        shown = self.pixels.get(image)
        if isinstance(shown, Shown):
            if not self.answers:
                before = self.readings.load().get(image.key)
                if before and before.content not in ("", shown.content):
                    return Rejected("changed", CHANGED)
            elif not self.blind and image.status == "scored":
                self.seen(image)
        return shown

    def note_tried(self, content: str) -> None:
        """A file that is dropped on the page may be one of those to read: its answer is shown."""
        for image in self.images.values():
            if self.answers and image.status == "scored" and image.content == content:
                self.seen(image)

    def agreement(self) -> dict[str, Any]:
        """How all readers of this folder agree."""
        tables = sorted({self.readings.path, *self.readings.path.parent.glob("*.csv")})
        rows = [row for path in tables for row in _ours(path)]
        return agreement(rows, self.images, self.readings.key)

    def close(self) -> None:
        """End the workers."""
        self.pixels.close()
        if "maps" in self.__dict__ and self.maps:
            self.maps.close()

    def _of(self, image: Image) -> Reading:
        why = "called" if image.boxes else "other"
        return Reading(
            content=image.content,
            file="" if self.answers else image.key,
            reader=self.reader,
            why=why if self.answers else "",
            person=image.row.get("person") or "",
        )

    def _decoded(self, image: Image, reading: Reading) -> tuple[Reading, int, int]:
        shown = self.look(image)
        if isinstance(shown, Rejected):
            raise ValueError(shown.message)
        person = person_of(shown.full.facts.patient, site_key())
        rows, columns = shown.full.pixels.shape
        return replace(reading, content=shown.content, person=person), int(rows), int(columns)


def table_name(reader: str) -> str:
    """The name of a reader's table: theirs, or where that is no file's name, one of their own."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", reader)
    if plain == reader:
        return f"{reader}.csv"
    return f"{plain}-{hashlib.sha256(reader.encode()).hexdigest()[:8]}.csv"


def _ours(path: Path) -> list[Reading]:
    try:
        return read_readings(path)
    except DataError:  # another table that lies there
        return []


def _meaning(word: Any) -> str:
    if not isinstance(word, str):
        raise ValueError("the verdict must be a word")
    return meaning(word)


def _comment(said: Any) -> str:
    if said is None:
        return ""
    if not isinstance(said, str) or len(said) > LONGEST_COMMENT:
        raise ValueError(f"the comment must be a text of {LONGEST_COMMENT} characters at most")
    return said.encode(errors="replace").decode()


def _revision(said: Any) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise ValueError("the revision must be a whole number")
    return said
