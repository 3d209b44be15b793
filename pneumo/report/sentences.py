"""What an evaluation says, in sentences that a radiologist and an engineer can both read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FEW_POSITIVES, UNSTEADY = 100, 0.10


@dataclass(frozen=True)
class Finding:
    """A sentence, and how it is meant."""

    weight: Literal["good", "plain", "warning"]
    text: str


def headline(metrics: Mapping[str, Any]) -> str:
    """The evaluation in one sentence."""
    low = metrics["intervals"]["ensemble"]["map"][0]
    blind = metrics["baselines"]["two constant boxes"]["map"]
    advantage = metrics["audit"]["advantage"]["low"]
    if metrics["leaked_people"] or metrics["leaked_images"]:
        return "These figures cannot be trusted: splits share people or pictures."
    if low is None or low <= blind:
        return "Not shown to be better than boxes that never look at the radiograph."
    if advantage is None or advantage <= 0:
        return "Finds opacities, but is not shown to know more than view, sex and age do."
    return "Finds opacities, and knows more than view, sex and age do."


def findings(metrics: Mapping[str, Any]) -> list[Finding]:
    """The verdict, sentence by sentence: what it can do, then what to beware of."""
    said = [
        _score(metrics), _calls(metrics), _opacities(metrics), _ranking(metrics),
        _shortcut(metrics), _weakest(metrics), _steady(metrics), _leaks(metrics), _size(metrics),
    ]  # fmt: skip
    return [finding for finding in said if finding]


def percent(share: float) -> str:
    """A share in [0, 1] as whole percent, without the sign."""
    return f"{share * 100:.0f}"


def _score(metrics: Mapping[str, Any]) -> Finding:
    score, (low, high) = _ours(metrics, "map")
    blind = metrics["baselines"]["two constant boxes"]["map"]
    text = (
        f"The challenge's score (mAP) is {score:.3f} ({low:.3f} to {high:.3f}); two constant "
        f"boxes, which never look, reach {blind:.3f}."
    )
    return Finding("good" if low > blind else "warning", text)


def _calls(metrics: Mapping[str, Any]) -> Finding | None:
    ours = metrics["ensemble"]
    if "sensitivity" not in ours or "specificity" not in ours:
        return Finding("warning", "The test set lacks healthy radiographs, or any with an opacity.")
    called, left = _in_100(metrics, "sensitivity"), _in_100(metrics, "specificity")
    text = f"As tuned, it calls {called} in 100 radiographs with an opacity, and leaves {left} in "
    return Finding("plain", text + "100 without one alone.")


def _opacities(metrics: Mapping[str, Any]) -> Finding | None:
    froc = metrics["froc"]
    place = froc["false_per_image"].index(0.5)
    share, (low, high) = froc["sensitivity"][place], froc["intervals"][place]
    if share is None or low is None:
        return None
    return Finding(
        "plain",
        f"Allowed one false call in every second radiograph, it marks {percent(share)} "
        f"({percent(low)} to {percent(high)}) in 100 opacities.",
    )


def _ranking(metrics: Mapping[str, Any]) -> Finding | None:
    if "auroc" not in metrics["ensemble"]:
        return None
    text = (
        "Shown a radiograph with an opacity and one without, it takes the right one for the more "
        f"suspicious in {_in_100(metrics, 'auroc')} of 100 pairs (AUROC)."
    )
    return Finding("plain", text)


def _shortcut(metrics: Mapping[str, Any]) -> Finding | None:
    audit = metrics["audit"]
    guess, gain = audit["metadata"]["all"]["value"], audit["advantage"]
    if guess is None or gain["low"] is None:
        return None
    text = (
        f"View, sex and age alone reach an AUROC of {guess:.2f}; the ensemble is "
        f"{gain['value']:+.2f} from that ({gain['low']:+.2f} to {gain['high']:+.2f})."
    )
    return Finding("good" if gain["low"] > 0 else "warning", text)


def _weakest(metrics: Mapping[str, Any]) -> Finding:
    row = metrics["worst"]["people"]
    if row is None:
        return Finding("warning", "Every group of people is too small to be judged.")
    gap = row["gap"]
    text = f"The weakest group of people is {row['group']} (mAP {row['map']['value']:.3f}"
    if gap["low"] is None:
        return Finding("plain", text + ").")
    clear = gap["high"] < 0
    text += f"; {gap['value']:+.3f} from the others, {gap['low']:+.3f} to {gap['high']:+.3f})"
    return Finding("warning" if clear else "plain", text + ("." if clear else ", within chance."))


def _steady(metrics: Mapping[str, Any]) -> Finding | None:
    rows = metrics["stability"]
    if not rows:
        return None
    row = max(rows, key=lambda one: one["flipped"]["value"])
    share = row["flipped"]["value"]
    if not share:
        return Finding("good", "None of the changes that mean nothing turned a call round.")
    text = f"The change that turns most calls round ({row['what']}) does so in {percent(share)} of "
    return Finding("warning" if share > UNSTEADY else "plain", text + "100 radiographs.")


def _leaks(metrics: Mapping[str, Any]) -> Finding:
    people, images = metrics["leaked_people"], metrics["leaked_images"]
    if not people and not images:
        return Finding("good", "No person and no picture is in two splits.")
    return Finding("warning", f"{people} people and {images} pictures are in two splits.")


def _size(metrics: Mapping[str, Any]) -> Finding | None:
    positives = metrics["test_positives"]
    if positives >= FEW_POSITIVES:
        return None
    text = (
        f"Only {positives} test radiographs have an opacity: read the intervals, not the figures."
    )
    return Finding("warning", text)


def _ours(metrics: Mapping[str, Any], name: str) -> tuple[float, list[Any]]:
    return metrics["ensemble"][name], metrics["intervals"]["ensemble"][name]


def _in_100(metrics: Mapping[str, Any], name: str) -> str:
    share, (low, high) = _ours(metrics, name)
    if low is None or high is None:
        return percent(share)
    return f"{percent(share)} ({percent(low)} to {percent(high)})"
