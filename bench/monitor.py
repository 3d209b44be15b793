"""How often the monitor cries wolf, what it sees, and what it costs: ``make bench-monitor``.

On the adults of PNEUMO_SHARED (``pretrain``, 2,013 radiographs of 1,469 people at 256 px, and the
RSNA-like ones). Input features need no trained network; in the place of the networks' probability
stands a logistic regression on thumbnails, so figures of the output are of the detector, not of an
ensemble. Shifts are made here. Each repetition draws who trains, who is the site's reference (200
radiographs or more) and who comes later, by person; a window's radiographs are drawn from those.
"""

import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression

from pneumo.base.aside import aside
from pneumo.base.settings import MonitorSettings
from pneumo.intake.features import features
from pneumo.intake.fit import fit
from pneumo.intake.look import distances
from pneumo.intake.profile import PROFILE, TURNED, Profile
from pneumo.intake.shift import (
    INPUT,
    OUTPUT,
    STATISTICS,
    Chance,
    Sample,
    answered,
    by_chance,
    flagged_people,
    grid_of,
    rare_count,
    statistics,
    vectors,
)
from pneumo.intake.thumbnails import mirror_score, normalised, thumbnail, turned_probability
from pneumo.monitoring.measure import measure
from pneumo.scoring.parts import SCHEMA, Scorer, Store, write_part

SHARED = Path(os.environ.get("PNEUMO_SHARED", Path(__file__).parents[2] / "shared")) / "data"
SIZE_PX, TRAINING, REFERENCE = 64, 400, 200
REPETITIONS, WINDOWS, SIZES = 20, 10, (20, 50, 100)
LEVEL, FLAG, SUSPICIOUS = 0.006, 0.002, 0.05
DAYS, A_DAY = 365, 1000
Pictures = list[np.ndarray]
Seen = tuple[np.ndarray, np.ndarray]


def jpeg(picture: np.ndarray) -> np.ndarray:
    """Compressed at quality 5."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=5)
    return np.asarray(Image.open(buffer))


def noisy(picture: np.ndarray) -> np.ndarray:
    """Noise of 12 grey levels."""
    noise = np.random.default_rng(int(picture.sum())).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


SHIFTS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "none": (lambda p: p, 0.0),
    "reversed, all": (lambda p: 255 - p, 1.0),
    "reversed, 10 %": (lambda p: 255 - p, 0.1),
    "rotated by 90, 25 %": (np.rot90, 0.25),
    "mirrored, 25 %": (np.fliplr, 0.25),
    "blank, 10 %": (lambda p: np.full_like(p, 3), 0.1),
    "JPEG quality 5, all": (jpeg, 1.0),
    "noise, all": (noisy, 1.0),
    "gamma 0.6, all": (lambda p: (255 * (p / 255.0) ** 0.6).astype(np.uint8), 1.0),
    "narrow window, all": (lambda p: np.clip((p - 90.0) * 3, 0, 255).astype(np.uint8), 1.0),
}


def seen(pictures: Pictures) -> Seen:
    """Features and normalised thumbnails."""
    small = [thumbnail(picture) for picture in pictures]
    found = [features(picture, one) for picture, one in zip(pictures, small, strict=True)]
    return np.array(found, float), normalised(np.stack(small))


def squares(paths: list[Path]) -> Pictures:
    """Radiographs at ``SIZE_PX``."""
    size = (SIZE_PX, SIZE_PX)
    found = []
    for path in paths:
        with Image.open(path) as picture:
            found.append(np.asarray(picture.convert("L").resize(size, Image.Resampling.BOX)))
    return found


class Site:
    """One repetition: who trains, who is the reference, who comes later."""

    def __init__(self, base: Seen, people: np.ndarray, ill: np.ndarray, seed: int) -> None:
        self.rng, self.people = np.random.default_rng(seed), people
        names = self.rng.permutation(np.unique(people))
        counts = pd.Series(people).value_counts()
        until = np.cumsum([counts[name] for name in names])
        ends = np.searchsorted(until, [TRAINING, TRAINING + REFERENCE]) + 1
        trains = np.isin(people, names[: ends[0]])
        refers = np.isin(people, names[ends[0] : ends[1]])
        self.later = np.flatnonzero(~trains & ~refers)
        self.answer = LogisticRegression(C=0.01, max_iter=300)
        self.answer.fit(base[1][trains].reshape(-1, 1024), ill[trains])
        probability = self._probability(base[1][refers])
        self.profile: Profile = fit(
            (base[0][trains], base[1][trains]),
            (base[0][refers], base[1][refers]),
            people[refers],
            probability,
            probability > 0.5,
            size_px=SIZE_PX,
            level=LEVEL,
            counts={},
        )
        reference = self.sample(base, np.flatnonzero(refers))
        self.grid = grid_of(reference.probability)
        self.rows = vectors(reference, self.profile.embedding, self.grid)
        self.flagged = {
            name: flagged_people(reference.people, getattr(reference, name))
            for name in ("turned", "unusual")
        }
        self.chances: dict[int, Chance] = {}

    def _probability(self, small: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.answer.predict_proba(small.reshape(-1, 1024))[:, 1]
        return found

    def sample(self, at: Seen, rows: np.ndarray) -> Sample:
        """What is measured of some radiographs."""
        found, small, p = at[0][rows], at[1][rows], self.profile
        probability = self._probability(small)
        return Sample(
            self.people[rows],
            found,
            mirror_score(small, p.mirror),
            probability,
            answered(probability),
            turned_probability(small, p.orientation, p.biases) > TURNED,
            distances(found, p) > p.unusual,
        )

    def window(self, base: Seen, changed: Seen, share: float, count: int) -> np.ndarray:
        """What one window of ``count`` gives: input, output, turned, unusual, anything, alarm."""
        rows = self.rng.choice(self.later, count, replace=False)
        one, other = self.sample(base, rows), self.sample(changed, rows)
        bad = np.arange(count) < round(share * count)
        mixed = {
            name: np.where(
                bad.reshape(-1, *[1] * (getattr(one, name).ndim - 1)),
                getattr(other, name),
                getattr(one, name),
            )
            for name in Sample.__dataclass_fields__
        }
        return self._judged(Sample(**mixed))

    def _judged(self, sample: Sample) -> np.ndarray:
        people, e = len(np.unique(sample.people)), self.profile.embedding
        if people not in self.chances:
            self.chances[people] = by_chance(self.rows, e, people, LEVEL, people)
        chance = self.chances[people]
        moved = vectors(sample, e, self.grid).mean(axis=0) - self.rows.mean(axis=0)
        far = chance.standardised(statistics(moved, e)) > chance.limit
        by_name = dict(zip(STATISTICS, far, strict=True))
        rare = {
            name: rare_count(
                flagged_people(sample.people, getattr(sample, name)), people, before, len(self.rows)
            )
            for name, before in self.flagged.items()
        }
        unusual = rare["unusual"] < FLAG
        entered = any(by_name[name] for name in INPUT) or unusual
        turned = rare["turned"] < FLAG or (entered and rare["turned"] < SUSPICIOUS)
        left = any(by_name[name] for name in OUTPUT)
        alarm = turned or (entered and left)
        return np.array([entered, left, turned, unusual, entered or left or turned, alarm])


def powers() -> None:
    """Print shares of windows that are marked, per shift and size."""
    table = pd.read_csv(SHARED / "pretrain/labels.csv", dtype=str)
    pictures = squares([SHARED / "pretrain" / name for name in table["file"]])
    people, ill = table["person"].to_numpy(), (table["label"] != "normal").to_numpy()
    base = seen(pictures)
    changed = {
        name: seen([np.ascontiguousarray(change(p)) for p in pictures]) if share else base
        for name, (change, share) in SHIFTS.items()
    }
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for seed in range(REPETITIONS):
        site = Site(base, people, ill, seed)
        for name, (_, share) in SHIFTS.items():
            for count in SIZES:
                windows = [site.window(base, changed[name], share, count) for _ in range(WINDOWS)]
                found.setdefault((name, count), []).extend(windows)
    print(f"{len(people):,} radiographs of {len(np.unique(people)):,} people at {SIZE_PX} px;")
    print(f"{REPETITIONS} divisions x {WINDOWS} windows each; % of windows")
    print("shift                  n   input output turned unusual  marked alarm at once")
    for (name, count), rows in found.items():
        shares = 100 * np.mean(rows, axis=0)
        print(f"{name:20} {count:4}  " + "  ".join(f"{share:6.1f}" for share in shares))


def year(folder: Path) -> None:
    """Score a made-up year at ``A_DAY`` a day into parts, and time the run of its last day."""
    chance = np.random.default_rng(1)
    pictures = [
        np.clip(
            chance.normal(120, 8, (SIZE_PX, SIZE_PX)) + np.linspace(-60, 60, SIZE_PX), 0, 255
        ).astype(np.uint8)
        for _ in range(300)
    ]
    base = seen(pictures)
    probability = chance.beta(1, 3, 150)
    profile = fit(
        (base[0][:150], base[1][:150]),
        (base[0][150:], base[1][150:]),
        np.arange(150).astype(str),
        probability,
        probability > 0.5,
        size_px=SIZE_PX,
        level=LEVEL,
        counts={},
    )
    text = folder / PROFILE
    text.write_text(json.dumps(profile.to_json()))
    store, out = Store(folder / "results"), folder / "monitor"
    scorer = Scorer("models:/e/1", 1, "d" * 64, "openvino", "float32", False)
    settings = MonitorSettings(
        window_images=100, window_days=7, false_alarms=0.01, review_share=0.1, audit_share=0.1,
        keep_days=400,
    )  # fmt: skip
    first, took = date(2026, 1, 1), 0.0
    for day in range(DAYS):
        for part in range(4):
            rows = [_row(base, chance, day, 250 * part + n) for n in range(250)]
            path = store.path(scorer, [row["content"] for row in rows], "none")
            with aside(path) as new:
                new.mkdir()
                write_part(path, scorer, "none", rows, new)
        store.keep_profile(scorer, text)
        began = time.perf_counter()
        measure(store, out, monitor=settings, today=first + timedelta(days=day))
        took = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (out / "images").rglob("*.parquet"))
    whole = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    page = (out / "index.html").stat().st_size
    peak = int(_status("VmHWM").split()[0]) / 1024
    print(f"a year at {A_DAY:,} a day: the last day's run {took:.1f} s, peak {peak:.0f} MiB;")
    print(f"page {page / 1024:.0f} KiB, {size / DAYS / A_DAY:.0f} bytes a radiograph, "
          f"{whole / 2**20:.0f} MiB in all")  # fmt: skip


def _row(base: Seen, chance: np.random.Generator, day: int, number: int) -> dict[str, Any]:
    picture = int(chance.integers(0, len(base[0])))
    jitter = chance.normal(0, 0.02, base[0].shape[1])
    return dict.fromkeys(SCHEMA.names) | {
        "content": chance.bytes(32).hex(), "reason": "", "view": ("AP", "PA")[number % 2],
        "device": f"Maker Model {number % 3}", "taken": "2026-01-01", "age": 50.0,
        "person": chance.bytes(16).hex(), "probability": float(chance.beta(1, 3)), "boxes": "[]",
        "review": "", "turned": 0.0, "mirror": float(chance.normal(2, 1)), "unusual": 20.0,
        "features": (base[0][picture] + jitter).tolist(),
    }  # fmt: skip


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.partition(":")[2] for line in lines if line.startswith(name))


def speed() -> None:
    """Print what the look at one radiograph costs."""
    for side in (64, 256, 512, 1024):
        picture = np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)
        times = []
        for _ in range(50):
            began = time.process_time()
            small = thumbnail(picture)
            features(picture, small)
            normalised(small)
            times.append(time.process_time() - began)
        print(f"{side:5} px: {1000 * float(np.median(times)):.2f} ms a radiograph")


def main() -> None:
    """``power``, ``year``, ``speed``, or all."""
    wanted = sys.argv[1:] or ["speed", "year", "power"]
    if "speed" in wanted:
        speed()
    if "year" in wanted:
        folder = Path(tempfile.mkdtemp())
        try:
            year(folder)
        finally:
            shutil.rmtree(folder)
    if "power" in wanted:
        if not (SHARED / "pretrain/labels.csv").is_file():
            print(f"{SHARED}: holds no radiographs; set PNEUMO_SHARED")
            return
        powers()


if __name__ == "__main__":
    main()
