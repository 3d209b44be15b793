"""What the monitor keeps, below one folder that only its owner may enter.

``images/MODEL/DAY-KEY.parquet``      radiographs first seen on a day, a row each (``_images``)
``windows/MODEL/NUMBER.json``         the verdict on a closed window; never changed
``baselines/MODEL/NUMBER.npz, .json`` the site's own references; the newest counts
``profiles/MODEL.json``               what was registered
``run.json``                          the last run: its day, and which ensemble was asked then
``index.html``, ``summary.json``      what people and the next tasks look at

MODEL begins the sum that names an ensemble. Each file appears whole; together they say all that the
next run goes on from, so that a killed run is run again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pneumo.base.files import write_json

RUN = "run.json"
SHORT = 16
"""Digits of an ensemble's sum that name its folders."""

PARTS, VERSION, SCORED_AT = b"pneumo.parts", b"pneumo.version", b"pneumo.scored_at"


@dataclass(frozen=True)
class Batch:
    """A file of radiographs that were first seen on ``day``, and the parts they were found in."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def day(self) -> date:
        """The day on which its radiographs were first seen."""
        return date.fromisoformat(self.name[:10])

    def parts(self) -> list[str]:
        """The names of the parts."""
        found: list[str] = json.loads(self._said(PARTS, b"[]"))
        return found

    @property
    def version(self) -> int:
        """The version of the ensemble that answered."""
        return int(self._said(VERSION, b"0"))

    @property
    def scored_at(self) -> str:
        """When the last of its parts was finished, in UTC; blank in files of before."""
        return self._said(SCORED_AT, b"").decode()

    @property
    def images(self) -> int:
        """How many radiographs it holds; none where all were known already."""
        return int(pq.read_metadata(self.path).num_rows)

    def _said(self, key: bytes, otherwise: bytes) -> bytes:
        found: bytes = (pq.read_schema(self.path).metadata or {}).get(key, otherwise)
        return found


@dataclass(frozen=True)
class Run:
    """The last run of the monitor.

    ``asked`` has for each ensemble (a short sum) when it was asked last, as the results say, in
    UTC; ``days`` the day of the run that saw that first.
    """

    day: date
    window_days: int
    asked: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, str] = field(default_factory=dict)


class State:
    """The monitor's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self) -> list[str]:
        """The short sums of all ensembles that are known, in a fixed order."""
        known = {p.name for kind in ("images", "windows") for p in _listed(self.folder / kind)}
        return sorted(known)

    def batches(self, model: str) -> list[Batch]:
        """The files of radiographs of an ensemble, oldest day first."""
        return [Batch(p) for p in _listed(self.folder / "images" / model) if p.suffix == ".parquet"]

    def batch_path(self, model: str, day: date, key: str) -> Path:
        """Where a file of radiographs belongs."""
        return self.folder / "images" / model / f"{day.isoformat()}-{key}.parquet"

    def windows(self, model: str) -> list[dict[str, Any]]:
        """The verdicts on an ensemble's windows, in their order."""
        paths = [p for p in _listed(self.folder / "windows" / model) if p.suffix == ".json"]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def add_window(self, model: str, verdict: dict[str, Any]) -> None:
        """Keep a verdict."""
        write_json(self.folder / "windows" / model / f"{verdict['window']:06}.json", verdict)

    def pending(self, model: str) -> list[Batch]:
        """The files whose radiographs are in no closed window yet."""
        taken = {name for window in self.windows(model) for name in window["batches"]}
        return [batch for batch in self.batches(model) if batch.name not in taken]

    def known_parts(self) -> set[str]:
        """The parts whose radiographs were seen, also where these are deleted by now."""
        found: set[str] = set()
        for model in self.models():
            for window in self.windows(model):
                found.update(window["parts"])
            for batch in self.pending(model):
                found.update(batch.parts())
        return found

    def last_run(self) -> Run | None:
        """The last run; None before there was one, or after one of before it was kept."""
        path = self.folder / RUN
        if not path.exists():
            return None
        said = json.loads(path.read_text(encoding="utf-8"))
        return Run(**said | {"day": date.fromisoformat(said["day"])})

    def keep_run(self, run: Run) -> None:
        """Keep that a run took place; nothing is written where the same is there already."""
        if run != self.last_run():
            write_json(self.folder / RUN, asdict(run) | {"day": run.day.isoformat()})

    def profile_path(self, model: str) -> Path:
        """Where the profile of an ensemble is kept."""
        return self.folder / "profiles" / f"{model}.json"

    def baselines(self, model: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The site's own references of an ensemble, oldest first, with what is said of them."""
        for path in _listed(self.folder / "baselines" / model):
            if path.suffix == ".json":
                said = json.loads(path.read_text(encoding="utf-8"))
                yield path.with_suffix(".npz"), said

    def baseline_path(self, model: str, number: int) -> Path:
        """Where a reference of the site's own is kept."""
        return self.folder / "baselines" / model / f"{number:04}.npz"


def _listed(folder: Path) -> list[Path]:
    """What a folder holds, hidden files aside; nothing where it is not there."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
