"""The page: every figure of one or two surveys, as the template wants it."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from pneumo.dataset.rsna import CLASSES
from pneumo.evaluation.duplicates import same_pictures
from pneumo.explore import _compare
from pneumo.explore import _statistics as stats
from pneumo.explore._notes import notes
from pneumo.explore._survey import SIDES, Survey
from pneumo.prepared.squares import read_squares
from pneumo.report import pictures
from pneumo.report.pages import render as render_page

SAMPLES_PER_CLASS, SAMPLE_PX, SAMPLE_SEED = 4, 320, 1
GROUPS_SHOWN, LINES_SHOWN = 8, 20
LETTERS = ("A", "B")


def render(surveys: Sequence[Survey]) -> str:
    """One or two surveys as a self-contained HTML page. It names no patient and no file."""
    heats = [stats.coverage(s.boxes, _positives(s)) for s in surveys]
    hottest = max(float(heat.max()) for heat in heats)
    sets = [_figures(s, heat, hottest) for s, heat in zip(surveys, heats, strict=True)]
    for letter, figures in zip(LETTERS, sets, strict=False):
        figures["letter"] = letter
    return render_page(
        "data.html",
        sets=sets,
        compared=_compared(*surveys) if len(surveys) == 2 else None,
        charts=_side_by_side(sets),
        greys=_greys(surveys),
        hottest=hottest,
        version=version("pneumo"),
    )


def _figures(survey: Survey, heat: np.ndarray, hottest: float) -> dict[str, Any]:
    groups = same_pictures(survey.thumbs)
    images = survey.images
    return {
        "name": survey.name,
        "labels_sha256": survey.labels_sha256[:12],
        "images": len(images),
        "people": images["person"].nunique() if survey.people_known else None,
        "positives": _positives(survey),
        "boxes": len(survey.boxes),
        "refused": _refused(survey),
        "unlabelled_files": survey.unlabelled_files,
        "notes": notes(survey, groups),
        "subgroups": _subgroups(survey),
        "per_image": _per_image(survey),
        "sizes": _sizes(survey),
        "size_cells": pictures.squares(stats.size_density(survey.boxes)),
        "heat": pictures.heat_map(survey.mean, heat, hottest),
        "pixels": _pixels(survey),
        "same": _same(survey, groups),
        "same_count": len(groups),
        "samples": _samples(survey),
    }


def _positives(survey: Survey) -> int:
    return int((survey.images["target"] == 1).sum())


def _subgroups(survey: Survey) -> list[dict[str, Any]]:
    """Counts and prevalence by class, view, sex, age, and view with sex; and each one's AUC."""
    images, read = survey.images, survey.read
    view, sex = stats.named(read["view"]), stats.named(read["sex"])
    age = stats.age_bands(read["age"])
    both = [f"{v}, {s}" for v in stats.VIEWS for s in stats.SEXES]
    parts = [
        ("Class", images["class"], images["target"], CLASSES),
        ("View", view, read["target"], stats.VIEWS),
        ("Sex", sex, read["target"], stats.SEXES),
        ("Age", age, read["target"], stats.AGE_BANDS),
        ("View and sex", view + ", " + sex, read["target"], both),
    ]
    return [
        {"title": title, "rows": stats.prevalence(groups, target, order),
         "auc": stats.shortcut(groups, target)}
        for title, groups, target, order in parts
    ]  # fmt: skip


def _side_by_side(sets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each chart of subgroups with the rows of all sets under one another."""
    joined = []
    for parts in zip(*(figures["subgroups"] for figures in sets), strict=True):
        by_set = [{row["group"]: row for row in part["rows"]} for part in parts]
        names = list(dict.fromkeys(name for rows in by_set for name in rows))
        joined.append(
            {
                "title": parts[0]["title"],
                "aucs": [part["auc"] for part in parts],
                "rows": [(name, [rows.get(name) for rows in by_set]) for name in names],
            }
        )
    return joined


def _per_image(survey: Survey) -> list[dict[str, Any]]:
    rows = survey.images.index[survey.images["target"] == 1]
    counts = stats.boxes_per_image(survey.boxes, list(rows))
    total = max(1, sum(counts.values()))
    return [{"boxes": k, "images": n, "share": n / total} for k, n in counts.items()]


def _sizes(survey: Survey) -> list[tuple[str, str, list[float]]]:
    measures = stats.box_measures(survey.boxes)
    units = {"width": "%", "height": "%", "area": "%", "shape": "height / width"}
    return [(name, unit, stats.quantiles(measures[name])) for name, unit in units.items()]


def _pixels(survey: Survey) -> list[dict[str, Any]]:
    """Brightness, contrast, dark and bright shares: medians per class."""
    columns = ["brightness", "contrast", "dark", "bright"]
    read = survey.read
    parts = [(name, read[read["class"] == name]) for name in CLASSES]
    return [
        {"name": name, **{column: float(images[column].median()) for column in columns}}
        for name, images in [*parts, ("all", read)]
        if len(images)
    ]


def _greys(surveys: Sequence[Survey]) -> dict[str, Any]:
    """Outlines of the grey levels; black, which is mostly beside the body, may be cut off."""
    largest = max(float(np.sort(s.greys)[-3]) for s in surveys) * 1.15
    lines = [pictures.outline(np.minimum(s.greys, largest), 640, 160, largest) for s in surveys]
    return {"outlines": lines, "black": [float(s.greys[0]) for s in surveys]}


def _refused(survey: Survey) -> list[dict[str, Any]]:
    """Reasons with counts, a sentence without the file's name, and the first lines."""
    refused = survey.images[survey.images["reason"] != ""]
    reasons = []
    for reason, rows in refused.groupby("reason"):
        first = rows.index[0]
        path = survey.paths[first]
        sentence = str(rows["message"].iloc[0]).removeprefix(f"{path}: ")
        lines = sorted(rows["line"].tolist())
        reasons.append(
            {"reason": reason, "count": len(rows), "lines": lines[:LINES_SHOWN],
             "sentence": sentence.replace(path.stem, "…")}
        )  # fmt: skip
    return sorted(reasons, key=lambda row: -row["count"])


def _same(survey: Survey, groups: list[list[int]]) -> list[dict[str, Any]]:
    shown = []
    for rows in groups[:GROUPS_SHOWN]:
        images = survey.images.iloc[rows]
        shown.append(
            {
                "count": len(rows),
                "thumbs": [pictures.jpeg_url(survey.thumbs[row]) for row in rows[:4]],
                "lines": sorted(images["line"].tolist())[:6],
                "people": images["person"].nunique() if survey.people_known else None,
                "both_ways": images["target"].nunique() > 1,
            }
        )
    return shown


def _samples(survey: Survey) -> list[dict[str, Any]]:
    """Radiographs of each class, drawn from a fixed seed, opacities first."""
    names = [name for name in reversed(CLASSES) if (survey.read["class"] == name).any()]
    drawn = []
    for name in names:
        rows = survey.read[survey.read["class"] == name].drop_duplicates("person")
        count = min(SAMPLES_PER_CLASS, len(rows))
        drawn += rows.sample(count, random_state=SAMPLE_SEED).index.tolist()
    squares = read_squares([survey.paths[row] for row in drawn], SAMPLE_PX, frontal_only=False)
    return [_sample(survey, row, square) for row, (square, _) in zip(drawn, squares, strict=True)]


def _sample(survey: Survey, row: int, square: np.ndarray) -> dict[str, Any]:
    image = survey.images.iloc[row]
    height, width = float(image["rows"] * image["pixel_aspect"]), float(image["columns"])
    scale = SAMPLE_PX / max(height, width)
    top, left = (SAMPLE_PX - height * scale) / 2, (SAMPLE_PX - width * scale) / 2
    across, down = width * scale, height * scale
    boxes = survey.boxes.loc[survey.boxes["image"] == row, SIDES].to_numpy()
    facts = [*stats.named(image[["view", "sex"]]), *stats.age_bands(pd.Series([image["age"]]))]
    return {
        "picture": pictures.jpeg_url(square),
        "boxes": [(left + x * across, top + y * down, w * across, h * down)
                  for x, y, w, h in boxes],
        "class": image["class"],
        "caption": f"{facts[0]} · {facts[1]} · {facts[2]} years",
        "line": int(image["line"]),
    }  # fmt: skip


def _compared(first: Survey, second: Survey) -> dict[str, Any]:
    shifts = _compare.shifts(first, second)
    return {
        "sentence": _compare.sentence(shifts),
        "box_sentence": _compare.box_sentence(shifts),
        "shifts": shifts,
        "largest": max([1.0, *(abs(end) for s in shifts for end in (s.low, s.high))]),
        "prevalence": second.images["target"].mean(),
        "standardised": _compare.standardised(first, second),
    }
