"""Whether a candidate replaces the champion: a pure decision with its reasons."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pneumo.settings import PromotionSettings


@dataclass(frozen=True)
class Measured:
    """What an ensemble reached: mAP in [0, 1] on the test images whose hash is ``test_set``."""

    map: float
    test_set: str
    leaked_people: int


@dataclass(frozen=True)
class Verdict:
    """The decision, and one sentence per rule, failed ones first."""

    promoted: bool
    reasons: tuple[str, ...]


def decide(
    candidate: Measured, champion: Measured | None, settings: "PromotionSettings"
) -> Verdict:
    """Promote ``candidate`` only if every rule holds; ``champion`` is None before the first."""
    rules = [*_floors(candidate, settings)]
    if champion is None:
        rules.append((True, "there is no champion yet"))
    elif champion.test_set != candidate.test_set:
        rules.append((False, "the champion was measured on other test images; nothing to compare"))
    else:
        rules.append(_beats(candidate, champion, settings))
    failed = [text for held, text in rules if not held]
    return Verdict(not failed, tuple(failed or [text for _, text in rules]))


def _floors(candidate: Measured, settings: "PromotionSettings") -> list[tuple[bool, str]]:
    return [
        (candidate.leaked_people == 0, f"{candidate.leaked_people} people are in two splits"),
        (
            candidate.map >= settings.minimum_map,
            f"mAP {candidate.map:.4f}, floor {settings.minimum_map:.4f}",
        ),
    ]


def _beats(
    candidate: Measured, champion: Measured, settings: "PromotionSettings"
) -> tuple[bool, str]:
    gain = round(candidate.map - champion.map, 9)
    text = (
        f"mAP {candidate.map:.4f} against the champion's {champion.map:.4f} "
        f"(gain {gain:+.4f}, needed more than {settings.minimum_gain:.4f})"
    )
    return gain > settings.minimum_gain, text
