"""What the registry's tags say was done, told to the audit trail: each act exactly once.

The acts are in the tags before, or with, what cannot be undone. So whoever comes next tells of what
a process that was killed could not, and one that was not killed tells of itself in the same way.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pneumo.registry import store
from pneumo.registry.heads import keep_or_say
from pneumo.registry.store import number
from pneumo.site.trail import LONGEST, record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

BY, WHY, SINCE, ACT = "pneumo.by", "pneumo.because", "pneumo.since", "pneumo.act"
APPROVED, REPLACES, VERDICT = "pneumo.approved", "pneumo.replaces", "pneumo.verdict"
REJECTED = "pneumo.rejected"


def tell(server: "MlflowClient", champion: "ModelVersion | None") -> None:
    """Write what the trail lacks: approvals, rejections, and how ``champion`` became that.

    The head of the trail is then kept; where it does not go on from the one kept before, that is
    said, and the promotion stands.
    """
    acts = [act for version in store.versions(server) for act in _agreed(version)]
    if champion:
        acts.append(_crowned(champion))
    # In the order of time; of one second, what was agreed comes before what it led to.
    new = [record(**act) for _, act in sorted(acts, key=lambda dated: dated[0])]
    if any(new):
        keep_or_say(server)


Dated = tuple[str, dict[str, Any]]


def _agreed(version: "ModelVersion") -> Iterator[Dated]:
    for tag, act in ((APPROVED, "approval"), (REJECTED, "rejection")):
        if said := _json(version.tags.get(tag, "")):
            what = {**_names(version), "against": said.get("against", "")}
            yield said["at"], _act(act, version, said["by"], said["reason"], what, said["at"])


def _crowned(version: "ModelVersion") -> Dated:
    """One that leads since before there was a trail is told, too, with what its tags have."""
    tags = version.tags
    since, act = tags.get(SINCE, ""), tags.get(ACT, "promotion")
    what = {**_names(version), "replaces": tags.get(REPLACES, ""), "since": since}
    return since, _act(act, version, tags.get(BY, ""), tags.get(WHY, ""), what, since)


def _act(
    act: str, version: "ModelVersion", who: str, why: str, what: Mapping[str, Any], at: str
) -> dict[str, Any]:
    once = f"{act} of {number(version)} {at}"
    return {"act": act, "who": who, "why": why, "what": what, "once": once}


def _names(version: "ModelVersion") -> dict[str, str]:
    return {
        "model": version.name,
        "version": number(version),
        "sha256": version.tags.get(store.SUM, ""),
    }


def _json(text: str) -> dict[str, str]:
    """What a tag holds; of one that was cut, since its reason was so long, the text itself."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {"by": "", "at": "", "reason": text[:LONGEST]}
    return found if isinstance(found, dict) and {"by", "at", "reason"} <= set(found) else {}
