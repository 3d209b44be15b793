"""Where a trail ended when somebody looked last: kept in MLflow, since a cut tail leaves no mark.

The registered model of the ensemble carries a tag per site, ``pneumo.trail.`` with the start of
what names the site (``sitekey.site_id``): several sites may share a server. A head is replaced only
by one that goes on from it, so an act after a cut does not hide the cut, and a trail that was
removed and begun anew is not taken for another site's. Tags of before have the start of the first
line's sum in their name instead; each counts for its trail until that has a head of its site.
"""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException

from pneumo.base.errors import PneumoError
from pneumo.base.locks import alone
from pneumo.registry import store
from pneumo.site.sitekey import site_id, site_key
from pneumo.site.trail import NOTHING, Head, Looked, look, trail_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TAG = "pneumo.trail."


def kept_heads(server: "MlflowClient") -> dict[str, Head]:
    """Every head that is kept, by the sum of its trail's first line."""
    heads: dict[str, Head] = {}
    for name, value in store.tags_of_name(server, store.ENSEMBLE).items():
        if name.startswith(TAG):
            head = _head(value)
            heads[head.first] = max(head, heads.get(head.first, head), key=lambda one: one.lines)
    return heads


def kept_head(server: "MlflowClient", first: str) -> Head | None:
    """The head that is kept of this site's trail, which now begins with the line of sum ``first``.

    Raises PneumoError where the site's key cannot be used.
    """
    tags = store.tags_of_name(server, store.ENSEMBLE)
    value = tags.get(_tag()) or tags.get(TAG + first[:16])
    return _head(value) if value else None


def keep_head(server: "MlflowClient") -> bool:
    """Keep the head of this site's trail; False where it does not go on from what was kept.

    Nothing is kept of a trail without lines, or before the first ensemble is registered. Who comes
    second waits for the first, so that a later head never gives way to an earlier one. Raises
    PneumoError where the site's key cannot be used.
    """
    path = trail_path()
    with alone(path.with_name(f".{path.name}.head.lock")):
        found = look(path)
        kept = kept_head(server, found.head.first)
        if found.head.first == NOTHING:
            return kept is None
        if found.faults or not continues(found, kept):
            return False
        try:
            server.set_registered_model_tag(
                store.ENSEMBLE, _tag(), json.dumps(asdict(found.head), sort_keys=True)
            )
        except MlflowException as error:
            if error.error_code not in store.MISSING:
                raise
    return True


def keep_or_say(server: "MlflowClient | None" = None) -> None:
    """Keep the head, or say in a line on stderr why it is not kept; what was done stands.

    ``server``: None is the one that ``MLFLOW_TRACKING_URI`` names.
    """
    try:
        if keep_head(server or store.connect()):
            return
        why = (
            f"{trail_path()}: does not go on from the head that MLflow keeps; "
            "run `pneumo trail verify`"
        )
    except (PneumoError, MlflowException) as error:
        why = f"{trail_path()}: its head is not kept: {str(error).splitlines()[0]}"
    print(why, file=sys.stderr)


def continues(looked: Looked, kept: Head | None) -> bool:
    """Whether a trail holds the head that was kept of it, and perhaps more."""
    if kept is None:
        return True
    return len(looked.sums) >= kept.lines and looked.sums[kept.lines - 1] == kept.last


def _tag() -> str:
    return TAG + site_id(site_key())[:16]


def _head(value: str) -> Head:
    told = json.loads(value)
    return Head(int(told["lines"]), told["last"], told["first"])
