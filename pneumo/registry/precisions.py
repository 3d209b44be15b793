"""What is known of a version's faster precisions: measured once a processor, kept in its tags.

``pneumo.agreement.XXXXXXXX`` has, as JSON, what ``agreement.measure`` found on one processor, which
stands beside the figures (``engines.processor``); XXXXXXXX is the start of its sha256. Versions of
before have one tag, ``pneumo.agreement``, for the processor of the last comparison. Scoring takes a
precision only when ``why_not`` has no reason against it.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pneumo.engines.int8 import RULE as QUANTISING
from pneumo.engines.mixed import RULE
from pneumo.engines.processor import processor

TAG = "pneumo.agreement"
SUM = re.compile("[0-9a-f]{64}")
RATE, AGAIN = "pictures_s", "float32_share"
EXACT, QUICK, MIXED, INT8 = "float32", "bfloat16", "mixed", "int8"
FASTER = (QUICK, MIXED, INT8)

LEAST_SHARE, LARGEST_DIFFERENCE = 0.99, 0.002
"""Boxes that must be matched at an IoU above ``SAME``; how far mAP may be from the reference's."""


def tag_of(here: str) -> str:
    """The tag with what was measured on the processor ``here``."""
    return f"{TAG}.{hashlib.sha256(here.encode()).hexdigest()[:8]}"


def kept(tags: Mapping[str, str], here: str) -> dict[str, dict[str, Any]]:
    """Precision -> figures of the processor ``here``; where it has none, those of another one."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(_named(tags), key=lambda name: name == tag_of(here)):
        for precision, figures in _figures(tags[name]).items():
            if precision not in found or figures.get("processor") == here:
                found[precision] = figures
    return found


def graph_of(tags: Mapping[str, str]) -> str:
    """The sum of the version's graph in int8, whichever processor it agreed on; blank: none."""
    sums = (str(_figures(tags[name]).get(INT8, {}).get("sha256")) for name in _named(tags))
    return next(filter(SUM.fullmatch, sums), "")


def _named(tags: Mapping[str, str]) -> list[str]:
    return sorted(name for name in tags if name == TAG or name.startswith(f"{TAG}."))


def _figures(tag: str) -> dict[str, dict[str, Any]]:
    """What a tag says; nothing of one that is not as it was written."""
    try:
        said = json.loads(tag)
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    return {name: figures for name, figures in said.items() if isinstance(figures, dict)}


def wanted(precision: str) -> tuple[str, ...]:
    """What a promotion compares with float32 for ``score.precision``.

    ``auto`` is what takes little of its time; quantising takes longer than all the rest.
    """
    if precision == "auto":
        return (QUICK, MIXED)
    return () if precision == "float32" else (precision,)


def why_not(measured: Mapping[str, Any], precision: str, here: str) -> str:
    """Why scoring does not take ``precision``, as what follows its name; blank: it agreed.

    ``here`` is the name of this processor: what another computes may differ.
    """
    found = measured.get(precision)
    if found is None:
        return "was not compared"
    if found.get("passed") is True:
        return _outdated(found, precision, here)
    if "refused" in found and found.get("processor", here) != here:
        return _outdated(found, precision, here)
    if "refused" in found:
        return f"cannot be used: {found['refused']}"
    if found.get("boxes") == 0:
        return "was compared where nothing is called"
    if not {"matched", "boxes", "map_difference"} <= found.keys():
        return "was not compared"
    return (
        f"matches {found['matched']:.1%} of {found['boxes']} boxes ({LEAST_SHARE:.0%} are needed), "
        f"and its mAP differs by {found['map_difference']:.4f} ({LARGEST_DIFFERENCE} is allowed)"
    )


def is_known(measured: Mapping[str, Any], precision: str, here: str) -> bool:
    """Whether ``precision`` was compared on the processor ``here``, by the rule of today.

    A graph in int8 that agreed stays; one that did not may, quantised as it is done today.
    """
    found = measured.get(precision)
    if found is None or _outdated(found, precision, here):
        return False
    return precision != INT8 or bool(found.get("passed")) or found.get("rule") == QUANTISING


def _outdated(found: Mapping[str, Any], precision: str, here: str) -> str:
    """Why these figures no longer count ``here``, as ``why_not`` says it; blank: they do."""
    if found.get("processor") != here:
        there = found.get("processor", "a processor that was not recorded")
        return f"was compared on {there}, not on {here}: `pneumo registry agree` compares it here"
    if precision == MIXED and "refused" not in found and found.get("rule") != RULE:
        again = "`pneumo registry agree` compares it anew"
        return f"was compared by an older rule of what is unsure: {again}"
    return ""


def told(measured: Mapping[str, Any], precisions: Sequence[str]) -> list[str]:
    """A line per precision: whether it agrees on this processor, or why not, and at what speed."""
    here = processor()
    return [
        f"{name} {why_not(measured, name, here) or f'agrees with float32 on {here}'}"
        f"{_share(measured, name)}{_speed(measured, name)}"
        for name in precisions
    ]


def _share(measured: Mapping[str, Any], precision: str) -> str:
    """What float32 answers of it; blank for a precision of which it answers nothing."""
    share = measured.get(precision, {}).get(AGAIN)
    return "" if share is None else f"; float32 answers {share:.1%} of the pictures"


def _speed(measured: Mapping[str, Any], precision: str) -> str:
    """How many times as fast as float32 the comparison ran; blank where that was not timed."""
    quick, exact = (measured.get(name, {}) for name in (precision, EXACT))
    same = quick.get("processor") == exact.get("processor")
    if not (same and quick.get(RATE) and exact.get(RATE)):
        return ""
    return f"; {quick[RATE] / exact[RATE]:.1f} times as fast"
