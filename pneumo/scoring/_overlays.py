"""A picture per radiograph: the radiograph, a heat map of the probability, and the boxes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pneumo.detection.boxes import Box
from pneumo.dicom import Square
from pneumo.dicom.workers import read_squares

SIDE_PX = 512
HEAT = (255, 60, 0)
BOX = (255, 220, 0)
STRONGEST = 0.45
"""Share of the heat's colour at a probability of 1."""


def draw_overlays(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    maps: Mapping[str, np.ndarray],
    paths: Mapping[str, Path],
) -> None:
    """Write the PNG of every row that has a map, named as the row's ``overlay`` says.

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
        overlay(square, maps[row["content"]], json.loads(row["boxes"])).save(
            folder / row["overlay"], compress_level=1
        )


def overlay(
    square: Square, probability: np.ndarray, boxes: Sequence[Mapping[str, float]]
) -> Image.Image:
    """One picture, RGB, cut to the radiograph; ``boxes`` are in pixels of the file."""
    frame = square.frame
    side = (frame.size_px, frame.size_px)
    heat = np.asarray(Image.fromarray(probability).resize(side, Image.Resampling.BILINEAR))
    share = heat[..., None].astype(np.float32) * (STRONGEST / 255)
    mixed = square.pixels[..., None] * (1 - share) + np.array(HEAT, np.float32) * share
    picture = Image.fromarray(mixed.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for values in boxes:
        box = frame.to_square(Box(**values))
        corners = (box.x, box.y, box.x + box.width - 1, box.y + box.height - 1)
        draw.rectangle(corners, outline=BOX, width=2)
    (top, left), (rows, columns) = frame.offset, frame.shape
    return picture.crop((left, top, left + columns, top + rows))
