"""Does the ensemble work here? Local people with labels against the registered test people.

Accepted when sensitivity and specificity are each shown, with 95 % confidence, to be less than
``MARGIN`` below what was registered; not accepted when either is shown to be lower, and that is not
shown to be by less; else undecided, with the number of people that would decide.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.files import sha256, sha256_of, write_json, write_text
from pneumo.evaluation.bootstrap import draw_people, estimate, with_all
from pneumo.evaluation.counts import Counts, counts_of
from pneumo.evaluation.proportions import difference_bounds, needed, power, wilson
from pneumo.evaluation.roc import auroc
from pneumo.monitoring._local import Local, read_local
from pneumo.report.pages import render
from pneumo.site.trail import record

MARGIN, CONFIDENCE, WANTED_POWER = 0.10, 0.95, 0.8
RESAMPLES, SEED = 1000, 1
ACCEPTED, NOT_ACCEPTED, UNDECIDED = "accepted", "not accepted", "undecided"
VIEWS = ("AP", "PA")

ASIDE = {
    "unknown": "labels name no radiograph of the folder",
    "ambiguous": "labels name several radiographs; not counted",
    "without a label": "scored radiographs have no label",
    "repeated": "labels are one more of the same radiograph; the majority counts",
    "contradictory": "radiographs have labels that contradict each other; not counted",
    "unsure": "radiographs have no sure label; not counted",
}


@dataclass(frozen=True)
class Judged:
    """Sensitivity or specificity here, against the registered one.

    ``above`` and ``below`` bound the difference (here less registered), each with ``CONFIDENCE``.
    ``chance`` is how often an equal ensemble would be accepted with as many people as here;
    ``needed`` with how many it would be in ``WANTED_POWER``, None: with no number.
    """

    name: str
    people: float
    value: float | None
    low: float
    high: float
    registered_people: float
    registered: float | None
    above: float
    below: float
    word: str
    chance: float
    needed: int | None


def read_and_judge(
    results: Path, labels: Path, registered: Mapping[str, Counts], local: Local | None = None
) -> dict[str, Any]:
    """Everything that is told of a local test, as values that JSON has.

    ``results`` is a folder that ``score`` filled, ``labels`` a CSV with ``verdict`` and one of
    ``content``, ``instance_uid``, ``file``, ``image_id``. Raises DataError for labels that cannot
    be read.
    """
    local = local or read_local(results, labels)
    here = {name: _figures(local, mask) for name, mask in _groups(local).items()}
    both = [*_both(_counts(local, np.full(len(local.truth), True)), registered["all"])]
    words = {one.word for one in both}
    word = NOT_ACCEPTED if NOT_ACCEPTED in words else ACCEPTED if words == {ACCEPTED} else UNDECIDED
    return {
        "verdict": word,
        "sentence": _sentence(word, both),
        "judged": [_plain(asdict(one)) for one in both],
        "here": here,
        "registered": {name: _told(counts) for name, counts in registered.items()},
        "aside": {ASIDE[name]: count for name, count in local.aside.items()},
        "refused": dict(local.refused),
        "margin": MARGIN,
        "confidence": CONFIDENCE,
        "model": local.model,
        "version": local.version,
        "labels": sha256(labels),
    }


def write(out: Path, found: Mapping[str, Any], by: str) -> None:
    """Write ``acceptance.json`` and ``index.html`` to ``out``, and tell the audit trail once."""
    write_json(out / "acceptance.json", found)
    write_text(out / "index.html", render("acceptance.html", found=found))
    what = {"verdict": found["verdict"], "version": str(found["version"]), "sha256": found["model"]}
    what |= {"labels": found["labels"], "people": found["here"]["all"]["people"]}
    once = f"acceptance {sha256_of(dict(found))}"
    record("acceptance", by, found["sentence"], what, once=once)


def _groups(local: Local) -> dict[str, np.ndarray]:
    every = {"all": np.full(len(local.truth), True)}
    views = {view: local.view == view for view in VIEWS}
    return every | {name: mask for name, mask in views.items() if mask.any()}


def _counts(local: Local, mask: np.ndarray) -> Counts:
    return counts_of(
        local.people[mask], local.truth[mask], local.called[mask], local.probability[mask]
    )


def _figures(local: Local, mask: np.ndarray) -> dict[str, Any]:
    counts = _counts(local, mask)
    draws = with_all(draw_people(local.people[mask], RESAMPLES, SEED))
    area = estimate(auroc(local.probability[mask], local.truth[mask], draws))
    people = len(np.unique(local.people[mask]))
    return {"images": int(mask.sum()), "people": people, **_told(counts), "auroc": area}


def _told(counts: Counts) -> dict[str, Any]:
    shares = {
        "sensitivity": wilson(counts.called, counts.positive),
        "specificity": wilson(counts.left_alone, counts.negative),
    }
    told = {name: _plain(asdict(share)) for name, share in shares.items()}
    return {**told, "auroc": {"value": _plain(counts.auroc)}}


def _both(here: Counts, there: Counts) -> list[Judged]:
    return [
        _judged("sensitivity", here.called, here.positive, there.called, there.positive),
        _judged("specificity", here.left_alone, here.negative, there.left_alone, there.negative),
    ]


def _judged(name: str, hits: float, of: float, known: float, known_of: float) -> Judged:
    above, below = difference_bounds(hits, of, known, known_of, CONFIDENCE)
    share, registered = wilson(hits, of), wilson(known, known_of)
    word = UNDECIDED
    if min(of, known_of) > 0:
        word = ACCEPTED if above > -MARGIN else NOT_ACCEPTED if below < 0 else UNDECIDED
    can = min(of, known_of) > 0
    return Judged(
        name=name,
        people=of,
        value=share.value,
        low=share.low,
        high=share.high,
        registered_people=known_of,
        registered=registered.value,
        above=above,
        below=below,
        word=word,
        chance=power(int(of), known, known_of, MARGIN, CONFIDENCE) if can else 0.0,
        needed=needed(known, known_of, MARGIN, CONFIDENCE, WANTED_POWER),
    )


def _sentence(word: str, both: list[Judged]) -> str:
    if word == ACCEPTED:
        return (
            "Accepted: sensitivity and specificity are each shown to be less than "
            f"{MARGIN:.0%} below the registered ones."
        )
    if word == NOT_ACCEPTED:
        names = " and ".join(one.name for one in both if one.word == NOT_ACCEPTED)
        return f"Not accepted: {names} here {'are' if ' and ' in names else 'is'} lower."
    open_ = [one for one in both if one.word == UNDECIDED]
    return f"Undecided: {'; '.join(map(_lacking, open_))}."


def _lacking(one: Judged) -> str:
    kind = "with" if one.name == "sensitivity" else "without"
    if one.needed is None:
        return (
            f"for {one.name}, {one.registered_people:.0f} registered people {kind} an opacity are "
            "too few to show it with any number of local people"
        )
    return (
        f"for {one.name}, {_people(one.people, kind)}, and {one.needed} "
        f"would show it in {WANTED_POWER:.0%} of tests of an equal ensemble"
    )


def _people(count: float, kind: str) -> str:
    if round(count) == 1:
        return f"one person {kind} an opacity is here"
    return f"{count:.0f} people {kind} an opacity are here"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    return value
