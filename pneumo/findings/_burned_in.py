"""A look for text that is part of the picture: a warning where some is found, never a clearance."""

import re
import shutil
import subprocess
from io import BytesIO

import numpy as np
from PIL import Image

BRIGHTEST = 250
"""Of 255: letters are brighter than anatomy."""

SECONDS = 20
WORD = re.compile(r"[^\W\d_]{3,}|\d[\d./-]{5,}")


class NotLookedError(Exception):
    """Tesseract did not do its work: what the picture shows is not known."""


def can_look() -> bool:
    """Whether tesseract is installed."""
    return shutil.which("tesseract") is not None


def may_show_text(values: np.ndarray) -> bool:
    """Whether tesseract reads a word, or a long number, in stored values ``(rows, columns)``.

    Raises NotLookedError where tesseract failed, or was not done in ``SECONDS``.
    """
    low, high = int(values.min()), int(values.max())
    grey = (values.astype(np.float32) - low) * (255 / max(high - low, 1))
    return any(_reads_words(shown) for shown in (grey, 255 - grey))


def _reads_words(grey: np.ndarray) -> bool:
    picture = BytesIO()
    letters = np.where(grey >= BRIGHTEST, 0, 255).astype(np.uint8)  # dark on white
    Image.fromarray(letters).save(picture, "PNG", compress_level=1)
    try:
        told = subprocess.run(
            ["tesseract", "stdin", "stdout", "--psm", "11"],
            input=picture.getvalue(),
            capture_output=True,
            timeout=SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError):
        raise NotLookedError from None
    if told.returncode:
        raise NotLookedError
    return bool(WORD.search(told.stdout.decode(errors="replace")))
