"""Results folders that tests make: finished parts as scoring writes them, without a network."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumo.base.aside import aside
from pneumo.scoring.parts import Scorer, Store, write_part

DIGEST = "d" * 64


@dataclass(frozen=True)
class Scored:
    """One radiograph as a test wants it answered."""

    name: str
    called: bool
    probability: float = 0.5
    person: str = ""
    view: str = "PA"

    @property
    def content(self) -> str:
        return content_of(self.name)

    @property
    def uid(self) -> str:
        return f"1.2.3.{int(self.content[:12], 16)}"


def content_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def write_results(
    out: Path, scored: Sequence[Scored], digest: str = DIGEST, version: int = 1
) -> Store:
    """A folder of results with one more part."""
    scorer = Scorer("models:/pneumonia-ensemble/1", version, digest, "openvino", "float32", False)
    rows = [
        {
            "content": one.content, "reason": "", "message": "", "rows": 64, "columns": 64,
            "view": one.view, "instance_uid": one.uid, "notes": "{}",
            "probability": one.probability, "overlay": "", "seconds": 0.1, "person": one.person,
            "boxes": '[{"x": 1.0, "y": 2.0, "width": 30.0, "height": 20.0, "confidence": 0.7}]'
            if one.called else "[]",
        }
        for one in scored
    ]  # fmt: skip
    store = Store(out)
    path = store.path(scorer, [one.content for one in scored], "none")
    path.parent.mkdir(parents=True, exist_ok=True)
    with aside(path) as folder:
        folder.mkdir()
        write_part(path, scorer, "none", rows, folder)
    return store
