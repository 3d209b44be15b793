"""Whether a candidate replaces the champion: a pure decision, with every rule and its figures."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pneumo.registry._paired import (
    ALL,
    SMALL_GROUP_PEOPLE,
    Difference,
    differences,
    mean_precision,
    same_images,
    sensitivity,
)

if TYPE_CHECKING:
    from pneumo.base.settings import PromotionSettings


@dataclass(frozen=True)
class Measured:
    """What is known of an ensemble when it is judged.

    ``cases`` is its table of cases on the test images whose hash is ``test_set``; ``how`` says
    where that comes from. ``leaked_people`` and ``leaked_images`` are None where nobody counted
    them. ``damaged`` and ``golden`` say what is wrong with its registered files and its answers on
    the golden images; blank: nothing. ``sealed`` marks, bool ``(n)``, the cases of people who came
    back as feedback and are kept for test; None where that cannot be told.
    """

    test_set: str
    cases: pd.DataFrame
    how: str = "measured at registration"
    leaked_people: int | None = None
    leaked_images: int | None = None
    damaged: str = ""
    golden: str = ""
    sealed: np.ndarray | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of the gate, whether it held, on which figures, and why."""

    name: str
    held: bool
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{'held  ' if self.held else 'FAILED'} {self.name}: {self.reason}"


@dataclass(frozen=True)
class Verdict:
    """Every rule; the candidate is promoted when all of them held."""

    rules: tuple[Rule, ...]

    @property
    def promoted(self) -> bool:
        """Whether every rule held."""
        return all(rule.held for rule in self.rules)

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line per rule, failed ones first."""
        return tuple(map(str, sorted(self.rules, key=lambda rule: rule.held)))

    def to_json(self) -> list[dict[str, Any]]:
        """The rules as values that JSON has: numbers to six places, None for NaN."""
        return _plain([asdict(rule) for rule in self.rules])


def decide(
    candidate: Measured,
    champion: Measured | None,
    settings: "PromotionSettings",
    because: str = "",
) -> Verdict:
    """Judge ``candidate`` by every rule; ``champion`` is None before the first.

    ``because`` is a person's reason to promote without a proven gain; no other rule bends to it.
    """
    rules = [
        _leaks(candidate),
        Rule("files", not candidate.damaged, candidate.damaged or "all have their sha256"),
        Rule("golden images", not candidate.golden, candidate.golden or "finite and unchanged"),
        _map(candidate, settings),
        _sensitivity(candidate, settings),
    ]
    if champion is None:
        rules.append(Rule("champion", True, "there is none yet"))
    else:
        rules += _against(candidate, champion, settings, because.strip())
    return Verdict(tuple(rules))


def _leaks(candidate: Measured) -> Rule:
    people, images = candidate.leaked_people, candidate.leaked_images
    shared, near = ("not counted" if count is None else count for count in (people, images))
    advice = "; run `dvc repro evaluate`" if None in (people, images) else ""
    return Rule(
        "leaks",
        people == 0 and images == 0,
        f"{shared} people in two splits; near-identical images in two splits: {near}{advice}",
        {"leaked_people": people, "leaked_images": images},
    )


def _map(candidate: Measured, settings: "PromotionSettings") -> Rule:
    value, floor = mean_precision(candidate.cases), settings.minimum_map
    reason = f"{value:.4f}, floor {floor:.4f} (promotion.minimum_map)"
    return Rule("mAP", value >= floor, reason, {"map": value, "floor": floor})


def _sensitivity(candidate: Measured, settings: "PromotionSettings") -> Rule:
    value, floor = sensitivity(candidate.cases), settings.minimum_sensitivity
    if value != value:
        return Rule("sensitivity", False, "no test image shows an opacity; nothing to measure")
    reason = f"{value:.4f} of positive images called, floor {floor:.4f}"
    figures = {"sensitivity": value, "floor": floor}
    return Rule("sensitivity", value >= floor, f"{reason} (promotion.minimum_sensitivity)", figures)


def _against(
    candidate: Measured, champion: Measured, settings: "PromotionSettings", because: str
) -> Iterator[Rule]:
    sets = {"candidate": candidate.test_set, "champion": champion.test_set}
    if candidate.test_set != champion.test_set:
        reason = f"the champion was measured on other test images ({champion.how})"
        yield Rule("same test images", False, f"{reason}; nothing to compare", sets)
        return
    if not same_images(candidate.cases, champion.cases):
        reason = f"the tables of cases are not about the same images ({champion.how})"
        yield Rule("same test images", False, reason, sets)
        return
    reason = f"{len(candidate.cases)} images; the champion was {champion.how}"
    yield Rule("same test images", True, reason, sets)
    found = differences(candidate.cases, champion.cases, settings)
    yield _loss(found[ALL], settings)
    yield _gain(found[ALL], settings, because)
    yield _subgroups({name: d for name, d in found.items() if name != ALL}, settings)
    if candidate.sealed is not None and candidate.sealed.any():
        yield _sealed(candidate, champion, candidate.sealed, settings)


def _loss(found: Difference, settings: "PromotionSettings") -> Rule:
    reason = (
        f"mAP {_shown(found)}; above {found.bound:+.4f} with confidence "
        f"{settings.confidence:.2f}, allowed {-settings.margin:+.4f} (promotion.margin)"
    )
    return Rule("no loss", found.bound >= -settings.margin, reason, asdict(found))


def _gain(found: Difference, settings: "PromotionSettings", because: str) -> Rule:
    if found.bound > 0:
        reason = f"mAP {_shown(found)}: above 0 with confidence {settings.confidence:.2f}"
        return Rule("gain", True, reason, asdict(found))
    reason = f"mAP {_shown(found)}: not above 0 with confidence {settings.confidence:.2f}"
    ending = f", but: {because}" if because else '; a person may decide with --because "..."'
    return Rule("gain", bool(because), reason + ending, {**asdict(found), "because": because})


def _subgroups(groups: Mapping[str, Difference], settings: "PromotionSettings") -> Rule:
    """Where a group falls beyond the margin: refused.

    A small group's mAP swings by chance alone; its fall counts when the 95 % interval excludes 0.
    """
    judged = {name: found for name, found in groups.items() if found.people}
    small = sorted(name for name, found in judged.items() if found.small)
    fell = {
        name: found
        for name, found in judged.items()
        if found.value < -settings.subgroup_margin and (name not in small or found.high < 0)
    }
    parts = [f"{name} {_shown(found)}" for name, found in _worst(fell or judged, len(fell) or 1)]
    said = f"{'fell' if fell else 'worst'}: {'; '.join(parts)}" if parts else "no group to judge"
    if small:
        few = f"fewer than {SMALL_GROUP_PEOPLE} people"
        said += f"; too small to judge by their mean ({few}): {', '.join(small)}"
    reason = f"{said}; allowed {-settings.subgroup_margin:+.4f} (promotion.subgroup_margin)"
    return Rule("subgroups", not fell, reason, {name: asdict(d) for name, d in judged.items()})


def _sealed(
    candidate: Measured, champion: Measured, sealed: np.ndarray, settings: "PromotionSettings"
) -> Rule:
    """On the site's own people who are kept for test: refused where it fell, as a subgroup."""
    new, old = (one.cases[sealed].reset_index(drop=True) for one in (candidate, champion))
    found = differences(new, old, settings)[ALL]
    if not found.people:
        reason = f"{int(sealed.sum())} images, all healthy and uncalled by both: nothing to compare"
        return Rule("sealed feedback", True, reason, asdict(found))
    fell = found.value < -settings.subgroup_margin and (not found.small or found.high < 0)
    reason = (
        f"mAP {_shown(found)} on {int(sealed.sum())} images of people of this site, kept for test; "
        f"allowed {-settings.subgroup_margin:+.4f} (promotion.subgroup_margin)"
    )
    if found.small:
        reason += f"; judged by {found.people} people (fewer than {SMALL_GROUP_PEOPLE})"
    return Rule("sealed feedback", not fell, reason, {**asdict(found), "images": int(sealed.sum())})


def _worst(groups: Mapping[str, Difference], count: int) -> list[tuple[str, Difference]]:
    return sorted(groups.items(), key=lambda item: item[1].value)[:count]


def _shown(found: Difference) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    return value
