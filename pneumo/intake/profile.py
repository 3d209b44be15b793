"""What a registered ensemble knows of the radiographs it was made from: moments, no rows.

It is one JSON file of the version, ``profile.json``. What makes numbers comparable, and tells what
is turned, comes from people of training; what is usual comes from people who were held out. The
quantiles and counts are of groups; no row, no ID and no picture of anybody is in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.errors import DataError
from pneumo.intake.features import NAMES
from pneumo.intake.shift import GRID, Chance, Embedding
from pneumo.intake.thumbnails import SIDE, WAYS

PROFILE = "profile.json"
"""The file's name in the folder of a registered ensemble."""

FORMAT = 1
ANSWERS = ("log-odds of the probability", "root of the probability")
"""What of the answers is compared. Both are continuous: shares of what is rare, such as calls, vary
more between windows than a draw from few people shows."""

TURNED = 0.9
"""Probability above which a radiograph counts as turned, or reversed: 99.5 % of those that are,
and 0.1 to 0.4 % of held-out ones, on 2,013 radiographs of adults."""

DIGITS = 6


@dataclass(frozen=True)
class Usual:
    """What was found on held-out people.

    ``means`` is the mean of ``shift.vectors`` over people, ``grid`` where its distribution was
    taken; ``chances`` what chance gives by the number of people. ``flagged`` counts people, per
    flag; ``quantiles`` are the 5 %, 50 % and 95 % points of each feature over images.
    """

    people: int
    images: int
    means: np.ndarray
    grid: np.ndarray
    flagged: Mapping[str, float]
    quantiles: np.ndarray
    chances: Sequence[Chance]
    called: float


@dataclass(frozen=True)
class Profile:
    """All of it. ``size_px`` is the side of the squares it was fitted on: it fits no other.

    ``orientation`` is ``(len(WAYS), SIDE * SIDE)``, ``biases`` ``(len(WAYS))``, ``mirror``
    ``(SIDE * SIDE)``. ``unusual`` is the squared distance above which a radiograph is.
    ``disagreement`` is that of the networks above which an answer is uncertain; None in profiles of
    before, and for a network alone.
    """

    size_px: int
    embedding: Embedding
    orientation: np.ndarray
    biases: np.ndarray
    mirror: np.ndarray
    unusual: float
    usual: Usual
    counts: Mapping[str, Any]
    disagreement: float | None = None

    @cached_property
    def inverse(self) -> np.ndarray:
        """The precision of the features, which single radiographs are measured with."""
        return self.embedding.input_precision

    def to_json(self) -> dict[str, Any]:
        """Plain values, numbers to six digits: the same profile gives the same bytes."""
        e, u = self.embedding, self.usual
        return {
            "format": FORMAT,
            "size_px": self.size_px,
            "features": list(NAMES),
            "input": _plain([e.input_means, e.input_scales, e.input_precision]),
            "output": _plain([e.output_means, e.output_scales, e.output_precision]),
            "orientation": _plain([self.orientation, self.biases]),
            "mirror": _plain(self.mirror),
            "unusual": _plain(self.unusual),
            **({} if self.disagreement is None else {"disagreement": _plain(self.disagreement)}),
            "usual": {
                "people": u.people,
                "images": u.images,
                "means": _plain(u.means),
                "grid": _plain(u.grid),
                "flagged": {name: _plain(count) for name, count in u.flagged.items()},
                "quantiles": _plain(u.quantiles),
                "called": _plain(u.called),
                "chances": [
                    [c.people, *_plain([c.typical, c.scales]), _plain(c.limit)] for c in u.chances
                ],
            },
            "counts": dict(self.counts),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Profile":
        """The profile that ``to_json`` gave. Raises DataError for anything else."""
        try:
            return cls._read(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{PROFILE}: is no profile of this version ({error})") from None

    @classmethod
    def _read(cls, value: Mapping[str, Any]) -> "Profile":
        if value["format"] != FORMAT or value["features"] != list(NAMES):
            raise ValueError("it was written by another version of pneumo")
        f, a = len(NAMES), len(ANSWERS)
        embedding = Embedding(
            *(_array(part, *shape) for part, shape in zip(value["input"], _shapes(f), strict=True)),
            *(
                _array(part, *shape)
                for part, shape in zip(value["output"], _shapes(a), strict=True)
            ),
        )
        u = value["usual"]
        usual = Usual(
            people=int(u["people"]),
            images=int(u["images"]),
            means=_array(u["means"], f + 1 + GRID + a),
            grid=_array(u["grid"], GRID),
            flagged={name: float(u["flagged"][name]) for name in ("turned", "unusual")},
            quantiles=_array(u["quantiles"], 3, f),
            chances=[
                Chance(int(n), _array(typical, 4), _array(scales, 4), float(limit))
                for n, typical, scales, limit in u["chances"]
            ],
            called=float(u["called"]),
        )
        weights, biases = value["orientation"]
        return cls(
            size_px=int(value["size_px"]),
            embedding=embedding,
            orientation=_array(weights, len(WAYS), SIDE * SIDE),
            biases=_array(biases, len(WAYS)),
            mirror=_array(value["mirror"], SIDE * SIDE),
            unusual=float(value["unusual"]),
            usual=usual,
            counts=dict(value["counts"]),
            disagreement=_limit(value.get("disagreement")),
        )


def read_profile(path: Path) -> Profile:
    """The profile in a file. Raises DataError when it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name}: cannot be read ({type(error).__name__})") from None
    return Profile.from_json(value)


def _limit(value: Any) -> float | None:
    return None if value is None else float(_array(value))


def _shapes(count: int) -> list[tuple[int, ...]]:
    return [(count,), (count,), (count, count)]


def _array(value: Any, *shape: int) -> np.ndarray:
    found = np.asarray(value, np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"an array of {shape} finite numbers is expected")
    return found


def _plain(value: Any) -> Any:
    """Nested lists of numbers that JSON has, to six significant digits."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    return float(f"{float(value):.{DIGITS}g}")
