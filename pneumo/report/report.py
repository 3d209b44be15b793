"""The evaluation as one self-contained page, and as a model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from pneumo.report.pages import render
from pneumo.report.sentences import findings, headline


def render_report(
    metrics: Mapping[str, Any],
    tuned: Mapping[str, Any],
    tuning: Mapping[str, Any] | None,
    charts: Sequence[Mapping[str, Any]],
    gallery: Sequence[Mapping[str, Any]],
    origin: Mapping[str, Any],
) -> str:
    """The report (HTML) from ``metrics.json``, what ``tune`` chose and told, charts and pictures.

    ``origin`` names what the figures come from (see ``provenance.origin``). The page names nobody
    and needs no network.
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
    metrics = values["metrics"]
    networks = [name for name in metrics["precision_by_threshold"] if name != "ensemble"]
    return render(
        template,
        headline=headline(metrics),
        findings=findings(metrics),
        networks=sorted(networks),
        **values,
    )
