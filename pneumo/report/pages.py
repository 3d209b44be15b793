"""How the pages are made: Jinja templates that escape, and refuse what they are not given."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def environment() -> Environment:
    """The templates of the package, and filters for numbers: ``grouped``, ``figure``, ``span``."""
    pages = Environment(
        loader=PackageLoader("pneumo.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"figure": _figure, "span": _span, "grouped": lambda number: f"{number:,}"}
    return pages


def render(template: str, **values: Any) -> str:
    """The text that a template of the package makes of ``values``."""
    return environment().get_template(template).render(**values)


def _figure(value: float | None, digits: int = 3) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def _span(bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    """An interval as text; nothing where there is none."""
    if bounds is None or bounds[0] is None or bounds[1] is None:
        return ""
    return f"{bounds[0]:.{digits}f} to {bounds[1]:.{digits}f}"
