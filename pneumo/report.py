"""The evaluation as one self-contained page, and as a model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pneumo.verdict import findings, headline


def render_report(
    metrics: Mapping[str, Any],
    tuned: Mapping[str, Any],
    tuning: Mapping[str, Any] | None,
    charts: Sequence[Mapping[str, Any]],
    gallery: Sequence[Mapping[str, Any]],
    origin: Mapping[str, Any],
) -> str:
    """The report (HTML) from ``metrics.json``, what ``tune`` chose and told, charts and pictures.

    ``origin`` names what the figures come from (see ``origin.origin``). The page names nobody and
    needs no network.
    """
    return _render(
        "report.html",
        metrics=metrics,
        tuned=tuned,
        tuning=tuning,
        charts=charts,
        gallery=gallery,
        origin=origin,
    )


def render_card(
    metrics: Mapping[str, Any],
    tuned: Mapping[str, Any],
    tuning: Mapping[str, Any] | None,
    origin: Mapping[str, Any],
) -> str:
    """The model card (Markdown; Mitchell et al., FAT* 2019): what the registered version is for."""
    return _render("model_card.md", metrics=metrics, tuned=tuned, tuning=tuning, origin=origin)


def _render(template: str, **values: Any) -> str:
    pages = Environment(
        loader=PackageLoader("pneumo"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"figure": _figure, "span": _span, "grouped": lambda number: f"{number:,}"}
    metrics = values["metrics"]
    networks = [name for name in metrics["precision_by_threshold"] if name != "ensemble"]
    return pages.get_template(template).render(
        headline=headline(metrics),
        findings=findings(metrics),
        networks=sorted(networks),
        **values,
    )


def _figure(value: float | None, digits: int = 3) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def _span(bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    """An interval as text; nothing where there is none."""
    if bounds is None or bounds[0] is None or bounds[1] is None:
        return ""
    return f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"
