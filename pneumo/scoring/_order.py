"""In which order a radiologist should read the radiographs of a run, and why.

What is odd by itself comes first, the gravest reason first, and last of it that on which the
networks disagree; then what is near the operating point, until ``review_share`` of all is marked;
then the rest, by falling probability. Nothing is hidden.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from pneumo.intake.look import REVIEWS

NEAR = "its probability is near the operating point"
GRAVITY = {code: number for number, code in enumerate(REVIEWS)}
UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a content comes, from 1, and the codes of ``REVIEWS`` that say why.

    ``near``: it is uncertain for its probability alone.
    """

    order: int
    review: str
    near: bool = False

    @property
    def words(self) -> str:
        """The reasons as sentences; blank where there is none."""
        if self.near:
            return NEAR
        return "; ".join(REVIEWS[code] for code in self.review.split(";") if code)


def places(rows: Iterable[Mapping[str, Any]], review_share: float) -> dict[str, Place]:
    """Content -> place, of rows of parts that were scored; of parts of before, by probability.

    At least ``review_share`` of the radiographs have a reason, so one of few, where their margins
    are known.
    """
    known = [_Found(row) for row in rows]
    odd = sum(bool(one.codes) for one in known)
    least = ceil(round(review_share * len(known), 6))  # 0.07 * 100 is a little above 7
    wanted = max(least - odd, 0)
    near = [one for one in known if not one.codes and one.margin is not None]
    for one in heapq.nsmallest(wanted, near, key=lambda one: (one.margin, one.content)):
        one.codes, one.near = [UNCERTAIN], True
    known.sort(key=_Found.key)
    return {one.content: Place(n, ";".join(one.codes), one.near) for n, one in enumerate(known, 1)}


class _Found:
    __slots__ = ("codes", "content", "disagreement", "margin", "near", "probability", "unusual")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.content: str = row["content"]
        self.codes = [code for code in (row["review"] or "").split(";") if code in GRAVITY]
        self.margin: float | None = row["margin"]
        self.probability: float = row["probability"]
        self.unusual: float = row["unusual"] or 0.0
        self.disagreement: float = row["disagreement"] or 0.0
        self.near = False

    def key(self) -> tuple[int, float, float, str]:
        first = GRAVITY[self.codes[0]] if self.codes else len(GRAVITY)
        within = 0.0
        if self.near:
            within = self.margin or 0.0
        elif self.codes:
            within = -self.disagreement if self.codes == [UNCERTAIN] else -self.unusual
        return first, within, -self.probability, self.content
