"""In which precision OpenVINO computes: what agreed on this processor, where it is faster here."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.engines.mixed import speed_of_mixed
from pneumo.engines.package import Package
from pneumo.engines.processor import processor
from pneumo.engines.speed import rates
from pneumo.registry.precisions import AGAIN, EXACT, FASTER, INT8, MIXED, QUICK, why_not
from pneumo.scoring._model import Model

if TYPE_CHECKING:
    from pneumo.base.settings import ScoreSettings

LEAST_GAIN = 1.05
"""Times as fast as float32 that another precision must be: less is noise of the measurement."""


def choose_precision(model: Model, settings: "ScoreSettings") -> str:
    """The precision for ``model``, which is told in a line on the terminal.

    ``auto`` is the fastest of those that agreed; another one that is named is taken if it agreed.
    RegistryError when a graph is not the registered one.
    """
    wanted = settings.precision
    if wanted == EXACT:
        return EXACT
    known = _known(model, settings)
    if wanted == "auto":
        chosen, why = fastest_here(model.package, known, settings.batch_size, model.quantised)
        _tell(f"{model.uri}: scoring in {chosen}: {why}")
        return chosen
    if reason := why_not(known, wanted, processor()):
        _tell(
            f"{model.uri}: it is not known that {wanted} agrees with float32 here: it "
            f"{reason}; scoring in float32"
        )
        return EXACT
    return wanted


def _known(model: Model, settings: "ScoreSettings") -> Mapping[str, Any]:
    """What was measured, but what does not go together with these settings."""
    if settings.flip and MIXED in model.agreement:
        refused = "how sure a map is says little of its mean with another, score.flip"
        return {**model.agreement, MIXED: {"passed": False, "refused": refused}}
    return model.agreement


def fastest_here(
    package: Package,
    known: Mapping[str, Any],
    batch_size: int,
    quantised: Callable[[], Path],
) -> tuple[str, str]:
    """``fastest`` of what agreed, by its speed here; ``quantised`` gives the graph in int8."""
    here = processor()
    agreed = [name for name in FASTER if not why_not(known, name, here)]
    timed = [QUICK] if {QUICK, MIXED} & {*agreed} else []
    timed += [INT8] if INT8 in agreed else []
    graph = quantised() if INT8 in agreed else None
    found = rates(package, (EXACT, *timed), batch_size, graph) if agreed else {}
    if MIXED in agreed and QUICK in found:
        share = known[MIXED].get(AGAIN)
        share = share if isinstance(share, int | float) else 1.0
        found[MIXED] = speed_of_mixed(found[QUICK], found[EXACT], share)
    found = {name: rate for name, rate in found.items() if name in (EXACT, *agreed)}
    return fastest(known, found, here)


def fastest(agreement: Mapping[str, Any], found: Mapping[str, float], here: str) -> tuple[str, str]:
    """The precision to take, and why.

    ``agreement`` is what was measured of each, ``found`` pictures per second of float32
    and of what agreed on ``here``, this processor; one that is not in it fails its golden pictures.
    """
    gains = {name: found[name] / found[EXACT] for name in FASTER if name in found}
    best = max(gains, key=lambda name: gains[name], default=EXACT)
    if gains.get(best, 0.0) >= LEAST_GAIN:
        return best, f"it agrees with float32, and is {gains[best]:.1f} times as fast here"
    reasons = []
    for name in FASTER:
        if name in agreement:
            slow = "agrees, and is no faster here" if name in gains else "fails its check here"
            reasons.append(f"{name} {why_not(agreement, name, here) or slow}")
    unknown = "no other precision was compared; `pneumo registry agree` does it"
    return EXACT, "; ".join(reasons) or unknown


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
