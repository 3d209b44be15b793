"""Where a trail ended when somebody looked last: kept in MLflow, since a cut tail leaves no mark.

The registered model of the ensemble carries a tag per trail, ``pneumo.trail.`` with the start of
its first line's sum: two sites may share a server. A head is replaced only by one that goes on from
it, so an act after a cut does not hide the cut.
"""

import json
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException

from pneumo.registry import store
from pneumo.site.trail import NOTHING, Head, Looked, look

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TAG = "pneumo.trail."


def kept_heads(server: "MlflowClient") -> dict[str, Head]:
    """Every head that is kept, by the sum of its trail's first line."""
    heads = {}
    for name, value in store.tags_of_name(server, store.ENSEMBLE).items():
        if name.startswith(TAG):
            told = json.loads(value)
            heads[told["first"]] = Head(int(told["lines"]), told["last"], told["first"])
    return heads


def keep_head(server: "MlflowClient") -> bool:
    """Keep the head of this checkout's trail; False where it does not go on from what was kept.

    Nothing is kept of a trail without lines, or before the first ensemble is registered.
    """
    first = look()
    if first.head.first == NOTHING:
        return not kept_heads(server)
    if first.faults or not continues(first, kept_heads(server).get(first.head.first)):
        return False
    head = first.head
    value = {"lines": head.lines, "last": head.last, "first": head.first}
    try:
        server.set_registered_model_tag(
            store.ENSEMBLE, TAG + head.first[:16], json.dumps(value, sort_keys=True)
        )
    except MlflowException as error:
        if error.error_code not in store.MISSING:
            raise
    return True


def continues(looked: Looked, kept: Head | None) -> bool:
    """Whether a trail holds the head that was kept of it, and perhaps more."""
    if kept is None:
        return True
    return len(looked.sums) >= kept.lines and looked.sums[kept.lines - 1] == kept.last
