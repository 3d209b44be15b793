"""One closed window against a reference: what moved, how sure that is, what to do.

A warning is a window that differs; an alarm two of them in a row, or input and output together, or
radiographs that are turned or reversed. Against the registered reference only turned radiographs
are an alarm: another site differs from where the ensemble was judged, and need not be worse.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pneumo.intake.features import NAMES, WORDS
from pneumo.intake.profile import Profile
from pneumo.intake.shift import (
    GRID,
    INPUT,
    OUTPUT,
    STATISTICS,
    Sample,
    flagged_people,
    rare_count,
    statistics,
    vectors,
)
from pneumo.monitoring._images import Images
from pneumo.monitoring._reference import Reference, measured

FEWEST_PEOPLE = 10
SHARES = {"differences": 0.6, "turned": 0.2, "unusual": 0.2}
"""How ``monitor.false_alarms`` is divided."""

SUSPICIOUS = 0.05
"""Where the input differs, turned radiographs that are rarer than this are its cause."""

DRIVERS = 3
SMALLEST_DRIVER = 0.3
QUIET, WARNING, ALARM, UNKNOWN = "quiet", "warning", "alarm", "not judged"


def judge(
    images: Images,
    profile: Profile | None,
    reference: Reference | None,
    before: Sequence[Mapping[str, Any]],
    false_alarms: float,
) -> dict[str, Any]:
    """The verdict on a window: plain values, the same for the same radiographs.

    ``before`` are the verdicts on earlier windows of the ensemble.
    """
    told = _counted(images)
    if profile is None or reference is None:
        return told | _unknown("this version was registered without a profile; promote it anew")
    sample, _ = measured(images, profile)
    people = len(np.unique(sample.people))
    told |= {"measured": len(sample.people), "people": people, "reference": reference.name}
    if people < FEWEST_PEOPLE:
        return told | _unknown(
            f"the window has radiographs of {_few(people)} people; {FEWEST_PEOPLE} are needed"
        )
    found = _compared(sample, profile, reference, false_alarms)
    if found is None:
        return told | _unknown("too few people were registered to compare with")
    signals = found["signals"]
    level = _level(signals, reference, before)
    return told | found | {"level": level, "sentence": _sentence(level, found, reference)}


def unjudged(images: Images, why: str) -> dict[str, Any]:
    """The verdict on a window that cannot be judged, and ``why``: as of ``judge``."""
    return _counted(images) | _unknown(why)


def _compared(
    sample: Sample, profile: Profile, reference: Reference, false_alarms: float
) -> dict[str, Any] | None:
    people = len(np.unique(sample.people))
    chance = reference.chance(profile, people, SHARES["differences"] * false_alarms)
    if chance is None:
        return None
    means = vectors(sample, profile.embedding, reference.grid).mean(axis=0)
    difference = means - reference.means
    values = chance.standardised(statistics(difference, profile.embedding)) / chance.limit
    sizes = dict(zip(STATISTICS, (round(float(v), 4) for v in values), strict=True))
    flags = {
        name: _flag(
            getattr(sample, name), sample.people, getattr(reference, name), reference.people
        )
        for name in ("turned", "unusual")
    }
    odd = {name: flags[name]["probability"] < SHARES[name] * false_alarms for name in flags}
    seen = odd["unusual"] or any(sizes[name] > 1 for name in INPUT)
    turned = odd["turned"] or (
        (seen or odd["unusual"]) and flags["turned"]["probability"] < SUSPICIOUS
    )
    return {
        "signals": {
            "input": bool(seen),
            "turned": bool(turned),
            "output": bool(any(sizes[name] > 1 for name in OUTPUT)),
        },
        "sizes": sizes,
        "flags": flags,
        "drivers": _drivers(difference[: len(NAMES)]) if seen or turned else [],
        "probability": [
            round(float(q), 4) for q in np.quantile(sample.probability, [0.05, 0.5, 0.95])
        ],
        "moved": round(float(difference[len(NAMES) + 1 + GRID]), 4),
    }


def _flag(flags: np.ndarray, people: np.ndarray, before: float, of: int) -> dict[str, Any]:
    count, total = flagged_people(people, flags), len(np.unique(people))
    return {
        "people": round(count, 4),
        "share": round(count / total, 4),
        "probability": round(rare_count(count, total, before, of), 9),
    }


def _drivers(difference: np.ndarray) -> list[dict[str, Any]]:
    """The features whose means moved most, in standard deviations of single radiographs."""
    order = np.argsort(-np.abs(difference))[:DRIVERS]
    return [
        {
            "feature": NAMES[n],
            "moved": round(float(difference[n]), 2),
            "words": f"{WORDS[NAMES[n]]}: {abs(difference[n]):.1f} standard deviations "
            f"{'higher' if difference[n] > 0 else 'lower'}",
        }
        for n in order
        if abs(difference[n]) >= SMALLEST_DRIVER
    ]


def _level(
    signals: Mapping[str, bool], reference: Reference, before: Sequence[Mapping[str, Any]]
) -> str:
    if not any(signals.values()):
        return QUIET
    if signals["turned"] or (reference.is_own and signals["input"] and signals["output"]):
        return ALARM
    judged = [window for window in before if window["level"] != UNKNOWN]
    again = bool(judged) and judged[-1]["level"] in (WARNING, ALARM)
    again = again and judged[-1]["reference"] == reference.name
    return ALARM if reference.is_own and again else WARNING


def _sentence(level: str, found: Mapping[str, Any], reference: Reference) -> str:
    signals = found["signals"]
    alike, unlike = "in the site's own reference", "the site's own reference"
    if not reference.is_own:
        alike, unlike = "where the ensemble was judged", "those on which the ensemble was judged"
    if level == QUIET:
        return f"Radiographs and answers look as they did {alike}."
    if signals["turned"]:
        return "Radiographs arrive turned or with their grey levels reversed: look at the source."
    what = [
        word for name, word in (("input", "radiographs"), ("output", "answers")) if signals[name]
    ]
    said = f"The {' and the '.join(what)} differ from {unlike}"
    said += f" ({found['drivers'][0]['words']})" if found["drivers"] else ""
    if level == WARNING:
        if not reference.is_own:
            return f"{said}; this is another site, so look, and let it be accepted here."
        return f"{said}; look, and wait for the next window."
    if len(what) == 2:
        return f"{said}: stop, and look at both."
    return f"{said}, for the second time in a row: look at what changed."


def _counted(images: Images) -> dict[str, Any]:
    reasons = images.column("reason")
    scored = reasons == ""
    called = images.column("called")
    groups: dict[str, dict[str, list[int]]] = {}
    for kind in ("view", "device"):
        values = images.column(kind)
        groups[kind] = {
            (name or "unknown"): [int(chosen.sum()), int(called[chosen].sum())]
            for name in sorted(set(values[scored].tolist()))
            if (chosen := scored & (values == name)).any()
        }
    reviews = Counter(
        code for text in images.column("review")[scored] for code in text.split(";") if code
    )
    return {
        "images": len(images),
        "scored": int(scored.sum()),
        "rejected": int((~scored).sum()),
        "reasons": dict(sorted(Counter(reasons[~scored].tolist()).items())),
        "called": int(called[scored].sum()),
        "groups": groups,
        "review": dict(sorted(reviews.items())),
        "measured": 0,
        "people": 0,
        "reference": "",
        "signals": {"input": False, "turned": False, "output": False},
        "sizes": {},
        "flags": {},
        "drivers": [],
    }


def _unknown(why: str) -> dict[str, Any]:
    return {"level": UNKNOWN, "sentence": f"Not judged: {why}."}


def _few(count: int) -> str:
    return "fewer than 5" if count < 5 else str(count)
