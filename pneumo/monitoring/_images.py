"""Radiographs that were scored since the last run, kept by the day on which they were first seen.

That day is the monitor's own: results are the same bytes however often a run was killed, and say
nothing of when. A content counts once for each ensemble.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pneumo.base.files import sha256_of, whole, write_text
from pneumo.intake.features import NAMES
from pneumo.monitoring._state import PARTS, SCORED_AT, SHORT, VERSION, Batch, State

SCHEMA = pa.schema(
    [
        ("content", pa.string()),
        ("person", pa.string()),
        ("reason", pa.string()),
        ("view", pa.string()),
        ("sex", pa.string()),
        ("age", pa.float64()),
        ("device", pa.string()),
        ("taken", pa.string()),
        ("probability", pa.float64()),
        ("boxes", pa.string()),
        ("review", pa.string()),
        ("turned", pa.float64()),
        ("mirror", pa.float64()),
        ("unusual", pa.float64()),
        ("features", pa.list_(pa.float32())),
    ]
)
"""Columns that are taken from parts; ``boxes`` becomes ``called``."""


class Part(Protocol):
    """A finished part of results."""

    @property
    def name(self) -> str:
        """What tells it from all others."""

    @property
    def scorer(self) -> Any:
        """By which ensemble: ``digest``, ``version``, ``model``."""

    @property
    def scored_at(self) -> str:
        """When, in UTC; blank where it is not known."""

    def table(self, schema: pa.Schema) -> pa.Table:
        """Its rows, null where it is of before."""

    def profile(self) -> str:
        """The text of the ensemble's profile; blank where it has none."""


class Results(Protocol):
    """Where scoring leaves its parts."""

    def unseen(self, known: Iterable[str]) -> Iterator[Part]:
        """The parts that are not ``known``."""

    def asked(self) -> Mapping[str, str]:
        """Sum of an ensemble -> when it was asked last, in UTC, where that is known."""


def take_in(state: State, results: Results, today: date) -> int:
    """Keep what is new of ``results``; returns the number of radiographs, refused ones too."""
    fresh: dict[str, list[Part]] = {}
    for part in results.unseen(state.known_parts()):
        fresh.setdefault(part.scorer.digest[:SHORT], []).append(part)
    return sum(_take_in(state, model, parts, today) for model, parts in sorted(fresh.items()))


def _take_in(state: State, model: str, parts: list[Part], today: date) -> int:
    parts.sort(key=lambda part: part.name)
    path = state.profile_path(model)
    told = {part.profile() for part in parts} - {""}
    if told and not path.exists():
        write_text(path, min(told), 0o600)
    table = pa.concat_tables([part.table(SCHEMA) for part in parts])
    known = pa.array(_contents(state.batches(model)), pa.string())
    table = table.filter(pc.invert(pc.is_in(table["content"], known)))
    _, first = np.unique(np.array(table["content"].to_pylist(), str), return_index=True)
    table = table.take(pa.array(np.sort(first)))
    called = pc.and_(pc.is_valid(table["boxes"]), pc.not_equal(table["boxes"], "[]"))
    table = table.drop_columns(["boxes"]).append_column("called", pc.fill_null(called, False))
    names = [part.name for part in parts]
    newest = max(parts, key=lambda part: part.scorer.version).scorer
    said = {
        PARTS: json.dumps(names).encode(),
        VERSION: str(newest.version).encode(),
        SCORED_AT: max(part.scored_at for part in parts).encode(),
    }
    target = state.batch_path(model, today, sha256_of(names)[:12])
    with whole(target) as aside:
        pq.write_table(table.replace_schema_metadata(said), aside)
        aside.chmod(0o600)
    return table.num_rows


def _contents(batches: Iterable[Batch]) -> list[str]:
    found: list[str] = []
    for batch in batches:
        found += pq.read_table(batch.path, columns=["content"])["content"].to_pylist()
    return found


class Images:
    """The radiographs of some batches: columns as arrays, in the order of day and content."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        batches = list(batches)
        tables = [pq.read_table(batch.path) for batch in batches]
        self.table = pa.concat_tables(tables) if tables else None
        self.version = max((batch.version for batch in batches), default=0)

    def column(self, name: str) -> np.ndarray:
        """A column; texts that are missing are blank, numbers NaN."""
        if self.table is None:
            return np.zeros(0)
        values = self.table[name]
        if pa.types.is_string(values.type):
            return np.array(pc.fill_null(values, "").to_pylist(), str)
        if pa.types.is_boolean(values.type):
            return np.array(values.to_pylist(), bool)
        return values.to_numpy().astype(float)

    @property
    def features(self) -> np.ndarray:
        """``(n, f)``, NaN where they were not measured."""
        found = np.full((len(self), len(NAMES)), np.nan)
        if self.table is not None:
            column = self.table["features"].combine_chunks()
            whole = pc.fill_null(pc.equal(pc.list_value_length(column), len(NAMES)), False)
            values = column.filter(whole).flatten().to_numpy(zero_copy_only=False)
            found[whole.to_numpy(zero_copy_only=False)] = values.reshape(-1, len(NAMES))
        return found

    def __len__(self) -> int:
        return 0 if self.table is None else int(self.table.num_rows)
