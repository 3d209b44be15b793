"""What the monitor keeps, told to the audit trail: each verdict, reference and deletion once.

Told from what is on the disk, so that the next run tells of what a killed one could not.
"""

from pneumo.monitoring._state import Batch, State
from pneumo.site.trail import record

OURSELVES = "pneumo"


def tell(state: State, model: str) -> None:
    """Tell of the newest verdict and of the references of an ensemble (a short sum)."""
    for path, said in state.baselines(model):
        what = {"model": model, "name": path.stem, "day": said.get("day", "")}
        once = f"baseline {model} {path.stem}"
        record("baseline", said.get("by", ""), said.get("because", ""), what, once=once)
    for window in state.windows(model)[-1:]:
        numbers = {key: window[key] for key in ("window", "version", "level", "from", "to")}
        once = f"verdict {model} {window['window']}"
        record("verdict", OURSELVES, window["sentence"], {"model": model, **numbers}, once=once)


def tell_deletion(model: str, batch: Batch, keep_days: int) -> None:
    """Tell, before it is done, that a file of what radiographs gave is deleted."""
    why = f"older than monitor.keep_days ({keep_days})"
    what = {"model": model, "file": batch.name}
    record("deletion", OURSELVES, why, what, once=f"deletion {model} {batch.name}")
