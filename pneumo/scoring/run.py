"""Parts of a plan scored: files read in workers, full batches, boxes, a part written when whole."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.aside import aside
from pneumo.base.progress import track
from pneumo.detection.ensemble import Ensemble
from pneumo.dicom import Square
from pneumo.dicom.workers import Rejected, read_squares
from pneumo.engines.engine import Engine
from pneumo.intake.look import look_at, reviews
from pneumo.intake.profile import Profile
from pneumo.scoring._overlays import draw_overlays
from pneumo.scoring.parts import Scorer, Store, write_part
from pneumo.site.sitekey import person_of

LONGEST_BATCH = 256
Read = tuple[str, Square | Rejected]
Row = dict[str, Any]


@dataclass
class Work:
    """Everything that scoring a part needs beside its contents."""

    store: Store
    scorer: Scorer
    engine: Engine
    ensemble: Ensemble
    paths: Mapping[str, Path]
    overlays: str
    profile: Profile | None = None
    key: bytes = b""
    """The site's key, for who a radiograph is of."""
    workers: int | None = None


@dataclass
class Begun:
    """A part on its way: its rows so far, and the maps of those that get a picture.

    ``claim`` is held until the part is on disk.
    """

    contents: Sequence[str]
    path: Path
    claim: ExitStack
    rows: list[Row] = field(default_factory=list)
    maps: dict[str, np.ndarray] = field(default_factory=dict)


def score_parts(work: Work, parts: Sequence[Sequence[str]], done: int, total: int) -> None:
    """Score ``parts``, lists of contents; each is written when its last content is done.

    A part that another process works on is left to it, and looked at again in the end. ``done`` of
    ``total`` files were done before, for the progress bar.
    """
    for part in _score(work, parts, done, total, wait=False):
        _score(work, [part], total - len(part), total, wait=True)  # one by one: two may wait


def _score(
    work: Work, parts: Sequence[Sequence[str]], done: int, total: int, *, wait: bool
) -> list[Sequence[str]]:
    """Score the parts that can be claimed; returns the others."""
    left: list[Sequence[str]] = []
    with _Claims(work, parts, left, wait) as claims, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        rows = _rows(work, claims)
        for part in _collected(track(rows, total, "Scoring", done), claims):
            if writing:
                writing.result()
            writing = writer.submit(_finish, work, part)
        if writing:
            writing.result()
    return left


class _Claims(ExitStack):
    """The parts of this process, in order, claimed just before they are read."""

    def __init__(
        self, work: Work, parts: Sequence[Sequence[str]], left: list[Sequence[str]], wait: bool
    ) -> None:
        super().__init__()
        self.work, self.parts, self.left, self.wait = work, parts, left, wait
        self.begun: list[Begun] = []

    def contents(self) -> Iterator[str]:
        store, scorer, overlays = self.work.store, self.work.scorer, self.work.overlays
        for contents in self.parts:
            path = store.path(scorer, contents, overlays)
            claim = self.enter_context(ExitStack())
            if not claim.enter_context(store.claimed(path, wait=self.wait)):
                self.left.append(contents)
                claim.close()
            elif path.exists():
                claim.close()
            else:
                self.begun.append(Begun(contents, path, claim))
                yield from contents


def _collected(rows: Iterator[tuple[Row, np.ndarray | None]], claims: _Claims) -> Iterator[Begun]:
    """Parts that have all their rows."""
    for row, probability in rows:
        part = claims.begun[0]
        part.rows.append(row)
        if probability is not None:
            part.maps[row["content"]] = probability
        if len(part.rows) == len(part.contents):
            claims.begun.pop(0)
            yield part


def _rows(work: Work, claims: _Claims) -> Iterator[tuple[Row, np.ndarray | None]]:
    """A row per content, in order, and its map where a picture is wanted."""
    last = time.perf_counter()
    flip = work.scorer.flip
    for reads, (maps, apart) in work.engine.stream(_batches(work, claims)):
        if flip:
            half = len(maps) // 2
            maps = (maps[:half] + maps[half:, :, ::-1]) / 2
            apart = (apart[:half] + apart[half:]) / 2
        now = time.perf_counter()
        seconds, last = (now - last) / max(len(reads), 1), now
        number = 0
        for content, answer in reads:
            if isinstance(answer, Rejected):
                yield _rejected(work, content, answer, seconds), None
                continue
            yield _scored(work, content, answer, maps[number], apart[number], seconds)
            number += 1


def _batches(work: Work, claims: _Claims) -> Iterator[tuple[list[Read], np.ndarray]]:
    """Full batches of pictures beside what was read; files that are refused take no place."""
    full = max(1, work.engine.batch_size // (2 if work.scorer.flip else 1))
    reads: list[Read] = []
    pictures: list[np.ndarray] = []
    for content, answer in _read(work, claims):
        reads.append((content, answer))
        if isinstance(answer, Square):
            pictures.append(answer.pixels)
        if len(pictures) == full or len(reads) == LONGEST_BATCH:
            yield reads, _stack(work, pictures)
            reads, pictures = [], []
    if reads:
        yield reads, _stack(work, pictures)


def _read(work: Work, claims: _Claims) -> Iterator[Read]:
    contents: list[str] = []

    def paths() -> Iterator[Path]:
        for content in claims.contents():
            contents.append(content)
            yield work.paths[content]

    frontal_only = work.scorer.frontal_only
    reads = read_squares(paths(), work.engine.size_px, work.workers, frontal_only=frontal_only)
    for number, answer in enumerate(reads):
        yield contents[number], answer


def _stack(work: Work, pictures: list[np.ndarray]) -> np.ndarray:
    side = work.engine.size_px
    batch = np.stack(pictures) if pictures else np.zeros((0, side, side), np.uint8)
    return np.concatenate([batch, batch[:, :, ::-1]]) if work.scorer.flip else batch


def _rejected(work: Work, content: str, answer: Rejected, seconds: float) -> Row:
    path = work.paths[content]
    message = answer.message.partition(f"{path.name}: ")[2] or answer.message
    return {"content": content, "reason": answer.reason, "message": message, "seconds": seconds}


def _scored(
    work: Work,
    content: str,
    square: Square,
    probability: np.ndarray,
    apart: float,
    seconds: float,
) -> tuple[Row, np.ndarray | None]:
    boxes = work.ensemble.boxes(probability, square.frame)
    level, facts = float(work.ensemble.level(probability)), square.facts
    look = look_at(square.pixels, square.frame, work.profile)
    told = None if math.isnan(apart) else float(apart)
    wanted = work.overlays == "all" or (work.overlays == "positive" and bool(boxes))
    row = {
        "content": content,
        "reason": "",
        "message": "",
        "rows": square.rows,
        "columns": square.columns,
        "view": facts.view,
        "row_spacing_mm": facts.row_spacing_mm,
        "column_spacing_mm": facts.column_spacing_mm,
        "instance_uid": facts.instance_uid,
        "notes": json.dumps(facts.notes),
        "probability": level,
        "boxes": json.dumps([asdict(box) for box in boxes]),
        "overlay": f"{content[:32]}.png" if wanted else "",
        "seconds": seconds,
        "sex": facts.sex,
        "age": facts.age,
        "device": facts.device,
        "taken": facts.taken,
        "person": person_of(facts.patient, work.key),
        "margin": abs(level - work.ensemble.operating_point),
        "review": ";".join(reviews(look, facts.age, work.profile, told)),
        "turned": look.turned,
        "mirror": look.mirror,
        "unusual": look.unusual,
        "disagreement": told,
        "features": look.features.tolist(),
    }
    return row, (probability * 255).astype(np.uint8) if wanted else None


def _finish(work: Work, part: Begun) -> None:
    with part.claim, aside(part.path) as folder:
        folder.mkdir()
        draw_overlays(folder, part.rows, part.maps, work.paths)
        write_part(part.path, work.scorer, work.overlays, part.rows, folder)
