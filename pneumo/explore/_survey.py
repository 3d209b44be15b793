"""One pass over a data set: what every later figure needs, and nothing that names a patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.base.files import sha256
from pneumo.base.progress import track
from pneumo.dataset.dataset import LABELS, Dataset, open_dataset
from pneumo.detection.boxes import Frame
from pneumo.evaluation.duplicates import THUMB_PX, shrink
from pneumo.prepared.squares import read_squares

SIZE_PX, GREY_BINS = 128, 64
DARK, BRIGHT = 8, 247
FACTS = (
    "view", "sex", "age", "rows", "columns", "row_spacing_mm", "column_spacing_mm", "pixel_aspect",
    "reason", "message",
)  # fmt: skip
SIDES = ["x", "y", "width", "height"]


@dataclass(frozen=True)
class Survey:
    """A data set without names; an image is known by its row in ``images``.

    ``images``: ``line`` (of its first row in the table of labels, the header being line 1),
    ``class, target, person`` (a number), ``FACTS``, and of its pixels ``brightness, contrast``
    (mean and standard deviation of the grey levels, 0 to 255) and ``dark, bright`` (shares in
    [0, 1] below ``DARK`` and above ``BRIGHT``). ``boxes``: ``image`` (row), ``SIDES`` as shares of
    the image in [0, 1], ``width_px, height_px``, both in widths of a pixel. ``thumbs``: uint8
    ``(n, 32, 32)``. ``mean``: float ``(128, 128)``, the mean radiograph. ``greys``: share of pixels
    in each of 64 equal bins.
    """

    name: str
    labels_sha256: str
    images: pd.DataFrame
    boxes: pd.DataFrame
    thumbs: np.ndarray
    mean: np.ndarray
    greys: np.ndarray
    paths: list[Path]
    people_known: bool
    unlabelled_files: int

    @property
    def read(self) -> pd.DataFrame:
        """The images that could be read."""
        return self.images[self.images["reason"] == ""]


def survey(root: Path, workers: int | None = None, *, frontal_only: bool = True) -> Survey:
    """Read a data set in RSNA's format; DataError when a table or all radiographs are missing."""
    dataset = open_dataset(root)
    table = dataset.images().sort_values("patientId", ignore_index=True)
    paths = dataset.paths(table["patientId"])
    pixels = _read(paths, workers, frontal_only)
    images = _nameless(dataset, table).join(pixels.facts)
    row_of = pd.Series(table.index, index=table["patientId"])
    return Survey(
        name=root.resolve().name,
        labels_sha256=sha256(root / LABELS),
        images=images,
        boxes=_boxes(dataset, row_of, images),
        thumbs=pixels.thumbs,
        mean=pixels.mean,
        greys=pixels.greys,
        paths=paths,
        people_known=dataset.patients is not None,
        unlabelled_files=len({path.stem for path in dataset.files} - set(table["patientId"])),
    )


@dataclass(frozen=True)
class _Pixels:
    facts: pd.DataFrame
    thumbs: np.ndarray
    mean: np.ndarray
    greys: np.ndarray


def _read(paths: Sequence[Path], workers: int | None, frontal_only: bool) -> _Pixels:
    thumbs = np.zeros((len(paths), THUMB_PX, THUMB_PX), np.uint8)
    total, greys = np.zeros((SIZE_PX, SIZE_PX)), np.zeros(GREY_BINS)
    facts = []
    reads = read_squares(paths, SIZE_PX, workers, frontal_only=frontal_only)
    squares = track(reads, len(paths), "Reading radiographs")
    for row, (square, fact) in enumerate(squares):
        facts.append({name: fact.get(name) for name in FACTS})
        if not fact["reason"]:
            thumbs[row] = shrink(square, THUMB_PX)
            total += square
            frame = Frame(fact["rows"], fact["columns"], SIZE_PX, fact["pixel_aspect"])
            inside = within_frame(square, frame)
            greys += np.histogram(inside, GREY_BINS, (0, 256))[0] / inside.size
            facts[-1] |= grey_facts(inside)
    count = max(1, sum(not fact["reason"] for fact in facts))
    columns = [*FACTS, "brightness", "contrast", "dark", "bright"]
    return _Pixels(pd.DataFrame(facts, columns=columns), thumbs, total / count, greys / count)


def within_frame(square: np.ndarray, frame: Frame) -> np.ndarray:
    """The part of a square that the radiograph takes, without the padding."""
    (height, width), (top, left) = frame.shape, frame.offset
    return square[top : top + height, left : left + width]


def grey_facts(pixels: np.ndarray) -> dict[str, float]:
    """``brightness, contrast, dark, bright`` of a picture, uint8 ``(rows, columns)``."""
    return {
        "brightness": float(pixels.mean()),
        "contrast": float(pixels.std()),
        "dark": float((pixels < DARK).mean()),
        "bright": float((pixels > BRIGHT).mean()),
    }


def _nameless(dataset: Dataset, table: pd.DataFrame) -> pd.DataFrame:
    lines = dataset.labels.reset_index(drop=True).drop_duplicates("patientId")["patientId"]
    line_of = pd.Series(lines.index + 2, index=lines.to_numpy())
    return pd.DataFrame(
        {
            "line": table["patientId"].map(line_of).astype(int),
            "class": table["class"].fillna("unknown"),
            "target": table["target"].astype(int),
            "person": pd.factorize(table["person"])[0],
        }
    )


def _boxes(dataset: Dataset, row_of: pd.Series, images: pd.DataFrame) -> pd.DataFrame:
    """Boxes as shares of their image; those of images whose size is unknown are left out."""
    boxes = dataset.boxes().dropna(subset=SIDES)
    image = boxes["patientId"].map(row_of).astype(int).to_numpy()
    sides = boxes[SIDES].to_numpy(float)
    size = images[["columns", "rows"]].to_numpy(float)[image]
    aspect = images["pixel_aspect"].to_numpy(float)[image]
    shares = pd.DataFrame(sides / np.hstack([size, size]), columns=SIDES)
    shares.insert(0, "image", image)
    shares["width_px"], shares["height_px"] = sides[:, 2], sides[:, 3] * aspect
    return shares.dropna(ignore_index=True)
