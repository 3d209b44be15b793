"""Recipes that were cross-validated as one page: figures, gains, the best and the worst images."""

from collections.abc import Mapping
from typing import Any

from pneumo.report.pages import render


def render_comparison(result: Mapping[str, Any], drawn: Mapping[str, Mapping[str, Any]]) -> str:
    """The page (HTML) of what ``pneumo crossval`` found; ``drawn`` has the pictures by recipe.

    It names nobody and needs no network.
    """
    return render("crossval.html", result=result, drawn=drawn)
