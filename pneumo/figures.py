"""The pictures of a report: training curves, precision over IoU, predictions beside truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pneumo.boxes import Box

TRUTH, FOUND = "#2ca02c", "#ff7f0e"
PNG = {"metadata": {"Software": None}}


def draw_pictures(path: Path, cases: Sequence[Mapping[str, Any]], columns: int = 4) -> None:
    """A sheet of radiographs with the probability as heat, true boxes and found boxes.

    A case has ``title``, ``pixels`` and ``probability`` ``(size_px, size_px)``, and ``truth`` and
    ``found``: boxes in pixels of the square.
    """
    rows = -(-len(cases) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 3.3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, case in zip(axes.flat, cases, strict=False):
        axis.imshow(case["pixels"], cmap="gray", vmin=0, vmax=255)
        heat = case["probability"]
        axis.imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=(heat * 0.35).clip(0, 1))
        _draw_boxes(axis, case["truth"], TRUTH, "-")
        _draw_boxes(axis, case["found"], FOUND, "--")
        axis.set_title(case["title"], fontsize=8)
    handles = [Rectangle((0, 0), 1, 1, fill=False, color=color) for color in (TRUTH, FOUND)]
    figure.legend(handles, ["truth", "prediction"], loc="lower center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    _save(figure, path)


def draw_precision(
    path: Path, thresholds: Sequence[float], series: Mapping[str, Sequence[float]]
) -> None:
    """Precision over the IoU a hit needs, one line per network, the ensemble in bold."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for name, values in series.items():
        axis.plot(thresholds, values, label=name, linewidth=3 if name == "ensemble" else 1.2)
    axis.set(xlabel="IoU that a hit must exceed", ylabel="precision", ylim=(0, None))
    axis.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    _save(figure, path)


def draw_curves(path: Path, networks: Path, models: Sequence[str]) -> None:
    """Loss over epochs from each network's ``history.csv``: training dashed, validation solid."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for number, name in enumerate(models):
        history = pd.read_csv(networks / name / "history.csv")
        color = f"C{number}"
        axis.plot(history["epoch"], history["val_loss"], color=color, label=name)
        axis.plot(history["epoch"], history["loss"], color=color, linestyle="--", linewidth=1)
    axis.set(xlabel="epoch", ylabel="loss (dashed: training)")
    axis.legend(fontsize=8, frameon=False)
    figure.tight_layout()
    _save(figure, path)


def _draw_boxes(axis: Axes, boxes: Sequence[Box], color: str, style: str) -> None:
    for box in boxes:
        corner = (box.x - 0.5, box.y - 0.5)
        axis.add_patch(
            Rectangle(corner, box.width, box.height, fill=False, color=color, linestyle=style)
        )


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, **PNG)
    plt.close(figure)
