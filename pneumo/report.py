"""The evaluation as one self-contained page."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from pneumo.files import write_text

FIGURES = {
    "pictures.png": "Test radiographs: truth and prediction",
    "precision.png": "Precision over the overlap that a hit needs",
    "curves.png": "Training",
}


def write_report(
    path: Path, metrics: Mapping[str, Any], tuned: Mapping[str, Any], figures: Path
) -> None:
    """Write ``path`` (HTML) from ``metrics.json``, what ``tune`` chose, and the figures' folder."""
    pages = Environment(loader=PackageLoader("pneumo"), autoescape=select_autoescape())
    measured = {k: v for k, v in metrics.items() if isinstance(v, dict) and "map" in v}
    text = pages.get_template("report.html").render(
        metrics=metrics,
        measured=measured,
        tuned=tuned,
        figures={title: _data_url(figures / name) for name, title in FIGURES.items()},
    )
    write_text(path, text)


def _data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
