"""UIDs that follow from what an object says: same content, same UID, in every process."""

import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from pneumo.dicom.ours import UID_ROOT

if TYPE_CHECKING:
    from pydicom import Dataset

NAMESPACE = UUID("8f2d6c1e-3b57-5a94-9c0b-7d1f4e6a2b83")
FORMAT = 1
"""Raised when objects about the same findings are to be others than before."""

OWN = ("SOPInstanceUID", "SeriesInstanceUID")
CIRCUMSTANCES = (
    "InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime", "ContentDate",
    "ContentTime", "PresentationCreationDate", "PresentationCreationTime",
    "DateOfSecondaryCapture", "TimeOfSecondaryCapture", "PredecessorDocumentsSequence",
)  # fmt: skip
"""When it was scored, and what was sent before: not what was found. The same finding on the same
radiograph has the same UID whichever way, and whenever, the radiograph came."""
LARGE_BYTES = 1024
LUT_DESCRIPTOR = "00283002"


def uid_of(*facts: Any) -> str:
    """``2.25.`` and the UUID of the canonical JSON of ``facts`` (PS3.5 B.2, RFC 9562 5.5)."""
    text = json.dumps([FORMAT, *facts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{UID_ROOT}{uuid5(NAMESPACE, text).int}"


def own_uids(dataset: "Dataset", source_sum: str) -> dict[str, str]:
    """SOP Instance and Series Instance UID of an object, from all else that it says but for
    ``CIRCUMSTANCES``.

    ``source_sum`` is the sum of the radiograph's data set. Every object has a series of its own:
    viewers show the last report of a series alone.
    """
    told = _plain(dataset.to_json_dict(LARGE_BYTES, lambda element: _sum(element.value)))
    for keyword in (*OWN, *CIRCUMSTANCES):
        told.pop(f"{_tag(keyword):08X}", None)
    return {keyword: uid_of(keyword, source_sum, told) for keyword in OWN}


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """Values by tag, without what a change of the transfer syntax may change: representations,
    and so the sign of a table's first value."""
    found: dict[str, Any] = {}
    for tag, element in told.items():
        content: Any = next((value for key, value in element.items() if key != "vr"), None)
        if element["vr"] == "SQ":
            content = [_plain(item) for item in content or []]
        elif tag == LUT_DESCRIPTOR:
            content = [value & 0xFFFF for value in content]
        found[tag] = content
    return found


def _sum(value: Any) -> str:
    data = value if isinstance(value, bytes) else repr(value).encode()
    return hashlib.sha256(data).hexdigest()


def _tag(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag
