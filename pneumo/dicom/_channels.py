"""Grey levels of a picture's channels: grey, or three equal colours, less what is transparent."""

import numpy as np

from pneumo.dicom._display import Display
from pneumo.dicom._transforms import apply_table, grey_table, used_codes
from pneumo.dicom.refusal import refuse

LARGEST_TINT = 24  # of 255, between the channels: what JPEG's chroma may leave
LUMA = 19_595, 38_470, 7_471  # of 65,536: ITU-R BT.601
ROWS = 256


def grey_levels(samples: np.ndarray) -> np.ndarray:
    """uint8 ``(rows, columns)`` of uint8 or uint16 samples, with or without channels.

    16-bit values are spread over their own range. Transparent pixels become background, which is
    black, and are no part of that range. Raises Refused: ``colour``, ``empty_pixels``.
    """
    channels = samples if samples.ndim == 3 else samples[..., None]
    alpha = channels[..., -1] if channels.shape[2] in (2, 4) else None
    grey = _grey(channels[..., :-1] if alpha is not None else channels)
    if alpha is not None and not alpha.any():
        refuse("empty_pixels", "every pixel of the picture is transparent; save it without alpha")
    if grey.dtype == np.uint16:
        used = used_codes(grey, 16)
        if alpha is not None:
            used[:] = False
            used[grey[alpha > 0]] = True
        grey = apply_table(grey, grey_table(Display(), 16, signed=False, used=used))
    return grey if alpha is None else _over_black(grey, alpha)


def is_opaque(samples: np.ndarray) -> bool:
    """Whether nothing of a picture is transparent."""
    if samples.ndim == 2 or samples.shape[2] not in (2, 4):
        return True
    return bool(samples[..., -1].min() == np.iinfo(samples.dtype).max)


def _grey(channels: np.ndarray) -> np.ndarray:
    """The one channel, or the luma of three that are nearly equal."""
    first = np.ascontiguousarray(channels[..., 0])
    if all(np.array_equal(first, channels[..., n]) for n in range(1, channels.shape[2])):
        return first
    limit = LARGEST_TINT * np.iinfo(channels.dtype).max // 255
    if int((channels.max(axis=2) - channels.min(axis=2)).max()) > limit:
        refuse("colour", "the picture has colours; a radiograph is grey")
    for at in range(0, len(first), ROWS):
        block = channels[at : at + ROWS].astype(np.uint32)
        first[at : at + ROWS] = (block @ np.array(LUMA, np.uint32) + 32_768) >> 16
    return first


def _over_black(grey: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    most = int(np.iinfo(alpha.dtype).max)
    for at in range(0, len(grey), ROWS):
        share = alpha[at : at + ROWS].astype(np.uint32)
        grey[at : at + ROWS] = (grey[at : at + ROWS] * share + most // 2) // most
    return grey
