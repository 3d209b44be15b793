"""A site: pictures that look a little like chests, scored into real parts day by day."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from pneumo.base.aside import aside
from pneumo.base.settings import MonitorSettings
from pneumo.detection.frame import Frame
from pneumo.intake.fit import fit
from pneumo.intake.look import look_at, reviews
from pneumo.intake.profile import PROFILE, Profile
from pneumo.monitoring.measure import measure
from pneumo.scoring.parts import SCHEMA, Scorer, Store, write_part
from tests.intake.radiographs import SIZE_PX, chests, seen

FRAME = Frame(SIZE_PX, SIZE_PX, SIZE_PX)
FIRST = date(2026, 3, 2)
PLANTED = ("PLANTED^NAME", "PLANTEDID77", "1.2.826.0.1.3680043.77", "planted-file.dcm")
Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="session")
def profile() -> Profile:
    chance = np.random.default_rng(8)
    probability = chance.beta(1, 3, 240)
    return fit(
        seen(chests(150, 1)),
        seen(chests(240, 2)),
        np.array([f"p{number}" for number in range(240)]),
        probability,
        probability > 0.5,
        size_px=SIZE_PX,
        level=0.006,
        counts={},
    )


@pytest.fixture(scope="session")
def monitor_settings(settings) -> MonitorSettings:
    return settings.monitor


class Site:
    """Results that fill, and the monitor that looks at them."""

    def __init__(self, folder: Path, profile: Profile | None, settings: MonitorSettings) -> None:
        self.results, self.out, self.profile = folder / "results", folder / "monitor", profile
        self.settings, self.day, self.number = settings, FIRST, 0
        self.digest = "d" * 64

    def rolled_back(self) -> str:
        """An ensemble answered, then another one; from now on the first does again: its sum."""
        first = self.digest
        for self.digest in (first, "e" * 64):
            self.score(100)
            found = self.run()
        assert found["model"] == "e" * 16
        self.digest = first
        return first

    def score(
        self,
        count: int,
        change: Change | None = None,
        *,
        share: float = 1.0,
        people: int | None = None,
        rejected: int = 0,
        known: bool = True,
        shift: float = 0.0,
        pictures: Sequence[np.ndarray] | None = None,
    ) -> Path:
        """Score new pictures, a ``share`` of them changed, of ``people`` people; one part."""
        self.number += 1
        found = list(chests(count, 1000 + self.number) if pictures is None else pictures)
        chance = np.random.default_rng(self.number)
        for number in range(round(share * count) if change else 0):
            found[number] = np.ascontiguousarray(change(found[number]))
        rows = [
            self._row(p, n % (people or count), chance, known, shift) for n, p in enumerate(found)
        ]
        rows += [
            dict.fromkeys(SCHEMA.names)
            | {"content": self._sum(f"bad{n}"), "reason": "not_dicom", "message": "is no DICOM"}
            for n in range(rejected)
        ]
        return self.write(rows)

    def write(self, rows: list[dict]) -> Path:
        store = Store(self.results)
        scorer = Scorer("models:/e/3", 3, self.digest, "openvino", "float32", False)
        path = store.path(scorer, [row["content"] for row in rows], "none")
        with aside(path) as folder:
            folder.mkdir()
            write_part(path, scorer, "none", rows, folder)
        if self.profile:
            text = self.out.parent / PROFILE
            text.write_text(json.dumps(self.profile.to_json()))
            store.keep_profile(scorer, text)
        return path

    def run(self, days: int = 1) -> dict:
        """A run of the monitor, ``days`` after the last one."""
        self.day += timedelta(days=days)
        return measure(Store(self.results), self.out, monitor=self.settings, today=self.day)

    def settle(self) -> None:
        """Two ordinary windows, from which the site's own reference is frozen."""
        for _ in range(2):
            self.score(130)
            self.run()
        assert (self.out / "baselines" / self.digest[:16] / "0001.npz").is_file()

    def bytes(self) -> dict[str, bytes]:
        """Every file that the monitor keeps."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }

    def _sum(self, name: str) -> str:
        return hashlib.sha256(f"{self.number} {name}".encode()).hexdigest()

    def _row(self, picture, number, chance, known: bool, shift: float) -> dict:
        look = look_at(picture, FRAME, self.profile)
        probability = float(np.clip(chance.beta(1, 3) + shift, 0, 1))
        row = dict.fromkeys(SCHEMA.names) | {
            "content": self._sum(str(chance.random())),
            "reason": "",
            "instance_uid": PLANTED[2],
            "probability": probability,
            "boxes": '[{"x": 1}]' if probability > 0.5 else "[]",
        }
        if not known:
            return row
        return row | {
            "view": "AP" if number % 3 else "PA",
            "age": 50.0,
            "device": "ACME Ray 7",
            "taken": "2026-03-01",
            "person": hashlib.sha256(f"{self.number} {number}".encode()).hexdigest()[:32],
            "review": ";".join(reviews(look, 50.0, self.profile)),
            "turned": look.turned,
            "mirror": look.mirror,
            "unusual": look.unusual,
            "features": look.features.tolist(),
        }


@pytest.fixture
def site(tmp_path, profile, monitor_settings) -> Site:
    return Site(tmp_path, profile, monitor_settings)
