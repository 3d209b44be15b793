"""What each network is, from a table: building four networks to count their weights takes 15 s.

``python -m pneumo.nets.facts`` writes ``catalogue.json``, from the networks as they are built.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("catalogue.json")
TILE_PX = 32
"""Networks take multiples of it. Their cost is a constant and a cost per tile of this side."""


@dataclass(frozen=True)
class NetworkFacts:
    """One network as it is configured; ``gflop`` is the cost of one image."""

    name: str
    parameters: int
    gflop: float
    input: str
    taps: tuple[str, ...]
    papers: tuple[str, ...]


def facts_of(model: str, size_px: int, encoder: str, *, image_head: bool) -> NetworkFacts:
    """``model`` at ``size_px`` with the ``encoder`` (``full`` or ``small``)."""
    row = _table()[key(model, size_px, encoder, image_head=image_head)]
    flop = row["flop"] + row["flop_per_tile"] * (size_px // TILE_PX) ** 2
    taps, papers = tuple(row["taps"]), tuple(row["papers"])
    return NetworkFacts(model, row["parameters"], flop / 1e9, shape(size_px), taps, papers)


def key(model: str, size_px: int, encoder: str, *, image_head: bool) -> str:
    """The row of the table. In one tile the pyramid of ASPP has room for fewer branches."""
    tiles = "one tile" if size_px == TILE_PX else "more tiles"
    return " ".join([model, encoder, tiles, *(["image head"] if image_head else [])])


def shape(size_px: int) -> str:
    """The input in words."""
    return f"{size_px} x {size_px} x 1, uint8"


@cache
def _table() -> dict[str, dict[str, Any]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))
