"""Where the score goes: from perfect boxes down to the submitted ones, and what tuning won back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pneumo.dataset.rsna import mean_average_precision, precision_of
from pneumo.detection.boxes import Box
from pneumo.detection.ensemble import Ensemble, blend
from pneumo.detection.frame import Frame
from pneumo.tuning.search import Cases

Row = dict[str, str | float]


def losses(
    cases: Cases, masks: np.ndarray, way: Ensemble, thresholds: Sequence[float]
) -> list[Row]:
    """Score after each step from the truth to the calls of ``way``, and what the step costs.

    ``masks`` are the true ones, 0 or 1, ``(n, size_px, size_px)``. Healthy
    images are called in the last step only; ``best threshold`` takes for each image the one of
    ``thresholds`` that suits it.
    """
    whole = Ensemble({}, 0.5, 0.0, 0.0, 0.0, 0.0)
    large = replace(whole, minimum_area_px=way.minimum_area_px)
    shrunk = replace(large, shrink_x=way.shrink_x, shrink_y=way.shrink_y)
    maps = blend(cases.probabilities, way.weights)
    steps = [
        ("perfect boxes", 1.0),
        (f"drawn as masks of {masks.shape[-1]} px", score(cases, masks, whole)),
        ("smallest area", score(cases, masks, large)),
        ("shrink", score(cases, masks, shrunk)),
        (
            "segmentation, best threshold of each image",
            _best_thresholds(cases, maps, way, thresholds),
        ),
        ("one threshold", score(cases, maps, replace(way, image_threshold=0.0), healthy=False)),
        ("image threshold on positive images", score(cases, maps, way, healthy=False)),
        ("calls on healthy images", score(cases, maps, way)),
    ]
    return _rows(steps, "cost", lambda before, after: before - after)


def gains(cases: Cases, plain: Ensemble, way: Ensemble) -> list[Row]:
    """Score of the ``plain`` way, then with one more choice of ``way`` taken over at a time."""
    steps, now = [("plain", plain)], plain
    for name, fields in (
        ("weights", ("weights",)),
        ("threshold", ("threshold",)),
        ("image threshold", ("image_threshold",)),
        ("smallest area", ("minimum_area_px",)),
        ("shrink", ("shrink_x", "shrink_y")),
    ):
        now = replace(now, **{field: getattr(way, field) for field in fields})
        steps.append((name, now))
    scored = [
        (name, score(cases, blend(cases.probabilities, step.weights), step)) for name, step in steps
    ]
    return _rows(scored, "gain", lambda before, after: after - before)


def score(cases: Cases, maps: np.ndarray, way: Ensemble, *, healthy: bool = True) -> float:
    """The challenge's score of ``way``; unless ``healthy``, images without truth are not called."""
    truth = dict(enumerate(cases.truth))
    calls = {
        number: boxes
        for number, boxes in enumerate(_found(cases, maps, way))
        if healthy or truth[number]
    }
    return mean_average_precision(_named(truth), _named(calls))


def _best_thresholds(
    cases: Cases, maps: np.ndarray, way: Ensemble, thresholds: Sequence[float]
) -> float:
    open_way = replace(way, image_threshold=0.0)
    positive = np.array([len(boxes) > 0 for boxes in cases.truth])
    rows = [
        precision_of(cases.truth, list(_found(cases, maps, replace(open_way, threshold=t))))
        for t in thresholds
    ]
    best = np.max([row[positive].mean(axis=1) for row in rows], axis=0)
    return float(best.mean()) if positive.any() else 0.0


def _found(cases: Cases, maps: np.ndarray, way: Ensemble) -> Iterator[list[Box]]:
    frames: Sequence[Frame] = cases.frames
    return (way.boxes(probability, frame) for probability, frame in zip(maps, frames, strict=True))


def _named(boxes: Mapping[int, Sequence[Box]]) -> dict[str, Sequence[Box]]:
    return {f"{number:09}": of_image for number, of_image in boxes.items()}


def _rows(
    steps: Sequence[tuple[str, float]], name: str, change: Callable[[float, float], float]
) -> list[Row]:
    before = [steps[0][1], *(value for _, value in steps)]
    return [
        {"step": step, "score": value, name: change(last, value)}
        for (step, value), last in zip(steps, before, strict=False)
    ]
