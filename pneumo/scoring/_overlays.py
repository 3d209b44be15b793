"""Two pictures per radiograph: the radiograph with its boxes, and the heat map to lay over it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pneumo.detection.boxes import Box
from pneumo.detection.frame import Frame
from pneumo.dicom import Square
from pneumo.dicom.workers import read_squares

SIDE_PX = 512
HEAT = (255, 60, 0)
BOX = (255, 220, 0)
STRONGEST = 0.45
"""Share of the heat's colour at a probability of 1."""
OPACITIES = bytes(round(STRONGEST * value) for value in range(256))


def draw_overlays(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    maps: Mapping[str, np.ndarray],
    paths: Mapping[str, Path],
) -> None:
    """Write the PNGs of every row that has a map: ``overlay`` of the row, and its ``heat_name``.

    Maps are uint8 ``(size_px, size_px)``, 255 for a probability of 1. The files are read again, at
    ``SIDE_PX``, in a worker process.
    """
    wanted = [row for row in rows if row["content"] in maps]
    if not wanted:
        return
    files = [paths[row["content"]] for row in wanted]
    squares = read_squares(files, SIDE_PX, 1, frontal_only=False)  # refused ones have no map
    for row, square in zip(wanted, squares, strict=True):
        if not isinstance(square, Square):
            raise OSError(f"{paths[row['content']]}: has changed while it was scored")
        probability = maps[row["content"]]
        picture = overlay(square, json.loads(row["boxes"]))
        picture.save(folder / row["overlay"], compress_level=1)
        heat(square.frame, probability).save(folder / heat_name(row["overlay"]), compress_level=1)


def heat_name(picture: str) -> str:
    """The name of the heat map that lies over the picture of this name."""
    return f"{Path(picture).stem}.heat.png"


def overlay(square: Square, boxes: Sequence[Mapping[str, float]]) -> Image.Image:
    """The radiograph with its boxes, RGB, cut to it; ``boxes`` are in pixels of the file."""
    frame = square.frame
    picture = Image.fromarray(square.pixels.astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for values in boxes:
        box = frame.to_square(Box(**values))
        corners = (box.x, box.y, box.x + box.width - 1, box.y + box.height - 1)
        draw.rectangle(corners, outline=BOX, width=2)
    (top, left), (rows, columns) = frame.offset, frame.shape
    return picture.crop((left, top, left + columns, top + rows))


def heat(frame: Frame, probability: np.ndarray) -> Image.Image:
    """The map alone, half as large as the picture: one colour, whose opacity is the probability."""
    (top, left), (rows, columns) = frame.offset, frame.shape
    scale = len(probability) / frame.size_px
    part = (left * scale, top * scale, (left + columns) * scale, (top + rows) * scale)
    size = (max(columns // 2, 1), max(rows // 2, 1))
    found = Image.fromarray(probability).resize(size, Image.Resampling.BILINEAR, box=part)
    picture = Image.frombytes("P", size, found.tobytes())
    picture.putpalette(HEAT * 256)
    picture.info["transparency"] = OPACITIES
    return picture
