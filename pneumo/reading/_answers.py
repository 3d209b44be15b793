"""What the ensemble says of a radiograph, and what other versions said before it."""

from functools import cached_property
from pathlib import Path
from typing import Any

from pneumo.reading._images import Image
from pneumo.scoring.parts import Part, Scorer, Store

LISTS = ("model", "probability", "disagreement", "review_reason")


class Answers:
    """The answers of a folder of results; parts of before are opened when they are first asked."""

    def __init__(self, results: Path) -> None:
        self.results = results

    def answer(self, image: Image) -> dict[str, Any]:
        """The one that the results hold, with its boxes in pixels of the file, and prior ones."""
        told = {name: image.row.get(name) for name in LISTS}
        return told | {"boxes": image.boxes, "prior": self.prior(image)}

    def prior(self, image: Image) -> list[dict[str, Any]]:
        """What other ensembles answered, the newest first."""
        found = []
        for part, place in self._places.get(image.content, ()):
            if part.scorer.digest != image.row.get("model_sha256"):
                row = self._rows(part)[place]
                if not row["reason"]:
                    found.append(
                        {
                            "model": part.scorer.model,
                            "probability": row["probability"],
                            "boxes": Image("", "", "", Path(), "", row=row).boxes,
                        }
                    )
        return found

    def scorer(self, digest: str) -> Scorer | None:
        """How the ensemble of this sum was asked here."""
        return next((p.scorer for p in self._parts if p.scorer.digest == digest), None)

    @cached_property
    def _parts(self) -> list[Part]:
        found = Store(self.results).unseen(())
        return sorted(found, key=lambda part: (part.scored_at, part.scorer.version), reverse=True)

    @cached_property
    def _places(self) -> dict[str, list[tuple[Part, int]]]:
        """Content -> the newest part of each ensemble that holds it, and where."""
        found: dict[str, list[tuple[Part, int]]] = {}
        for part in self._parts:
            for place, content in enumerate(part.contents()):
                held = found.setdefault(content, [])
                if all(part.scorer.digest != other.scorer.digest for other, _ in held):
                    held.append((part, place))
        return found

    @staticmethod
    def _rows(part: Part) -> list[dict[str, Any]]:
        return part.rows()
