"""Finished parts on disk: rows and pictures of some contents, there whole or not at all.

A part is a folder ``shards/SCORER/KEY`` of the results. It is written aside, flushed and renamed;
``part.json`` holds the sum of its rows and the sizes of its pictures. Contents that several parts
hold have equal rows, so it does not matter which one is read.
"""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from pneumo.base.aside import put
from pneumo.base.files import flush, sha256, sha256_of, unless_unread, whole, write_json
from pneumo.base.locks import alone
from pneumo.base.words import OverlayName
from pneumo.intake.profile import PROFILE

ROWS, ABOUT, ASKED = "rows.parquet", "part.json", "asked.json"
OVERLAYS: tuple[str, ...] = get_args(OverlayName)
SCHEMA = pa.schema(
    [
        ("content", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("rows", pa.int32()),
        ("columns", pa.int32()),
        ("view", pa.string()),
        ("row_spacing_mm", pa.float64()),
        ("column_spacing_mm", pa.float64()),
        ("instance_uid", pa.string()),
        ("notes", pa.string()),
        ("probability", pa.float64()),
        ("boxes", pa.string()),
        ("overlay", pa.string()),
        ("seconds", pa.float64()),
        ("sex", pa.string()),
        ("age", pa.float64()),
        ("device", pa.string()),
        ("taken", pa.string()),
        ("person", pa.string()),
        ("margin", pa.float64()),
        ("review", pa.string()),
        ("turned", pa.float64()),
        ("mirror", pa.float64()),
        ("unusual", pa.float64()),
        ("disagreement", pa.float64()),
        ("features", pa.list_(pa.float32())),
    ]
)
"""One row per content. ``boxes``, in original pixels, and ``notes``, code -> sentence, are JSON;
``reason`` is blank when scored. ``person`` is ``site.sitekey.person_of``, ``margin`` the distance
of the probability from the operating point, ``review`` codes of ``intake.look.REVIEWS`` with ``;``
between; what follows is of ``intake.look.Look``, but for ``disagreement``, of
``engines.engine.Answers``. Parts of before lack it, or all from ``sex`` on."""

LOOKS = ("content", "reason", "probability", "margin", "review", "unusual", "disagreement")
"""What the reading order depends on."""


@dataclass(frozen=True)
class Scorer:
    """What rows depend on beside the content: model, engine, how it is asked, and the reader."""

    model: str
    version: int
    digest: str
    engine: str
    precision: str
    flip: bool
    reading: int = 1
    """``dicom.read.READING``; parts that name none are of before there was one."""
    frontal_only: bool = True

    @cached_property
    def key(self) -> str:
        """A name for the folder of its parts; the number of a version does not matter."""
        facts = [
            self.digest,
            self.engine,
            self.precision,
            self.flip,
            self.reading,
            self.frontal_only,
        ]
        return sha256_of(facts)[:32]


@dataclass(frozen=True)
class Part:
    """One finished part: where it is, and by whom it was scored."""

    folder: Path
    scorer: Scorer
    overlays: str
    scored_at: str = ""
    """When it was finished, in UTC to the second: ``2026-11-28T14:37:13Z``."""

    @property
    def asked_at(self) -> str:
        """When its ensemble was asked last in these results, blank where that is not kept."""
        return _asked(self.folder.parent).get("at", "")

    @property
    def name(self) -> str:
        """What tells it from all other parts of the results."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def table(self, schema: pa.Schema) -> pa.Table:
        """The columns of ``schema``, null for what a part of before lacks."""
        kept = pq.read_schema(self.folder / ROWS).names
        found = pq.read_table(self.folder / ROWS, columns=[n for n in schema.names if n in kept])
        empty = [pa.nulls(found.num_rows, field.type) for field in schema]
        columns = [
            found[field.name].cast(field.type) if field.name in found.column_names else none
            for field, none in zip(schema, empty, strict=True)
        ]
        return pa.table(columns, schema=schema)

    def profile(self) -> str:
        """The profile of its ensemble, as text; blank where it has none."""
        path = self.folder.parent / PROFILE
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def contents(self) -> list[str]:
        """The contents of its rows, in their order."""
        return pq.read_table(self.folder / ROWS, columns=["content"])["content"].to_pylist()

    def looks(self) -> list[dict[str, Any]]:
        """Of each row ``LOOKS`` alone, None for what a part of before lacks."""
        kept = pq.read_schema(self.folder / ROWS).names
        rows = pq.read_table(self.folder / ROWS, columns=[name for name in LOOKS if name in kept])
        return [dict.fromkeys(LOOKS) | row for row in rows.to_pylist()]

    def rows(self) -> list[dict[str, Any]]:
        """Its rows, as ``SCHEMA`` says, None for what a part of before lacks.

        Before there were two spacings, one counted both ways.
        """
        rows: list[dict[str, Any]] = pq.read_table(self.folder / ROWS).to_pylist()
        for number, found in enumerate(rows):
            row = rows[number] = dict.fromkeys(SCHEMA.names) | found
            if "spacing_mm" in row:
                row["row_spacing_mm"] = row["column_spacing_mm"] = row.pop("spacing_mm")
        return rows


class Store:
    """The finished parts below a folder of results."""

    def __init__(self, out: Path) -> None:
        self.folder = out / "shards"

    def parts(self) -> Iterator[Part]:
        """Every part whose sums hold, newest version of the model first; the rest is removed.

        Raises TransientError, and removes nothing, for one that cannot be read now.
        """
        finished = []
        for folder in self._folders():
            if part := _read(folder):
                finished.append(part)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        yield from sorted(finished, key=lambda part: (-part.scorer.version, str(part.folder)))

    def listed(self) -> Iterator[Part]:
        """Every part, as ``parts`` has them, by its name alone: no sum is formed, none is removed.

        For who reads the rows of all, time and again.
        """
        found = [part for folder in self._folders() if (part := _read(folder, summed=False))]
        yield from sorted(found, key=lambda part: (-part.scorer.version, str(part.folder)))

    def unseen(self, known: Iterable[str]) -> Iterator[Part]:
        """The parts whose names are not ``known`` and whose sums hold; nothing is removed."""
        seen = frozenset(known)
        for folder in self._folders():
            if f"{folder.parent.name}/{folder.name}" not in seen and (part := _read(folder)):
                yield part

    def keep_profile(self, scorer: Scorer, profile: Path) -> None:
        """Put an ensemble's profile beside its parts, for who looks at these later."""
        target = self.folder / scorer.key / PROFILE
        if not target.exists():
            with whole(target) as new:
                shutil.copyfile(profile, new)

    def keep_asked(self, scorer: Scorer) -> None:
        """Keep that ``scorer`` was asked now, which leaves no other trace where all was known."""
        if (self.folder / scorer.key).is_dir():
            said = {"digest": scorer.digest, "at": _second(time.time())}
            write_json(self.folder / scorer.key / ASKED, said)

    def asked(self) -> dict[str, str]:
        """Sum of an ensemble -> when it was asked last, in UTC, where that is kept."""
        found: dict[str, str] = {}
        for folder in _listed(self.folder):
            if said := _asked(folder):
                found[said["digest"]] = max(found.get(said["digest"], ""), said["at"])
        return found

    def done(self, scorer: Scorer | None, overlays: str) -> set[str]:
        """The contents that ``scorer`` (None: anyone) has finished, with the pictures wanted."""
        enough = OVERLAYS[OVERLAYS.index(overlays) :]
        return {
            content
            for part in self.parts()
            if (scorer is None or part.scorer.key == scorer.key) and part.overlays in enough
            for content in part.contents()
        }

    def holds(self, scorer: Scorer, contents: Sequence[str], overlays: str) -> bool:
        """Whether the part of these contents is finished; one whose sums differ is removed.

        ``done`` reads every part of the results, which each of hundreds of tasks cannot afford.
        """
        path = self.path(scorer, contents, overlays)
        if path.exists() and not _read(path):
            shutil.rmtree(path, ignore_errors=True)
        return path.exists()

    def _folders(self) -> Iterator[Path]:
        for scorer in _listed(self.folder):
            for folder in _listed(scorer):
                if not folder.name.startswith(".") and folder.is_dir():
                    yield folder

    def path(self, scorer: Scorer, contents: Sequence[str], overlays: str) -> Path:
        """Where the part of these contents is, or will be."""
        return self.folder / scorer.key / sha256_of([overlays, *contents])[:32]

    @contextmanager
    def claimed(self, path: Path, *, wait: bool = False) -> Iterator[bool]:
        """Whether this process alone works on the part ``path``; another may do so already."""
        with alone(path.with_name(f".{path.name}.lock"), wait=wait) as lock:
            yield lock is not None


def write_part(
    path: Path, scorer: Scorer, overlays: str, rows: Sequence[Mapping[str, Any]], pictures: Path
) -> None:
    """Add rows and sums to the folder ``pictures``, from ``aside(path)``, and name it ``path``.

    A part that is there already, of another process, stays.
    """
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), pictures / ROWS)
    about = {
        "rows": sha256(pictures / ROWS),
        "pictures": {p.name: p.stat().st_size for p in sorted(pictures.glob("*.png"))},
        "scorer": asdict(scorer),
        "overlays": overlays,
        "scored_at": _second(time.time()),
    }
    (pictures / ABOUT).write_text(json.dumps(about, sort_keys=True), encoding="utf-8")
    for name in (ROWS, ABOUT):
        flush(pictures / name)
    if not _read(path):
        put(pictures, path)
    flush(path.parent)


def _asked(folder: Path) -> dict[str, str]:
    """What ``Store.keep_asked`` said in a scorer's folder; empty where it said nothing."""
    try:
        said = json.loads((folder / ASKED).read_text(encoding="utf-8"))
        return {"digest": str(said["digest"]), "at": str(said["at"])}
    except OSError as error:
        unless_unread(error, folder)
    except (ValueError, KeyError, TypeError):
        pass
    return {}


def _read(folder: Path, *, summed: bool = True) -> Part | None:
    """A part whose sums hold; None where there is none, or another one than was written.

    Without ``summed`` it is taken by what it says of itself.

    TransientError when that cannot be told, as from a disk that is away: it may be whole.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if summed and not _holds(folder, about):
            return None
        scored_at = about.get("scored_at") or _second((folder / ABOUT).stat().st_mtime)
        return Part(folder, Scorer(**about["scorer"]), about["overlays"], scored_at)
    except OSError as error:
        unless_unread(error, folder)
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _holds(folder: Path, about: Mapping[str, Any]) -> bool:
    sizes = {p.name: p.stat().st_size for p in _listed(folder) if p.suffix == ".png"}
    return sha256(folder / ROWS) == about["rows"] and sizes == about["pictures"]


def _second(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _listed(folder: Path) -> list[Path]:
    """What a folder holds; nothing when it is not there."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        unless_unread(error, folder)
        return []
