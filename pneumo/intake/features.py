"""Twenty-eight numbers of a picture that are cheap to get and move when its source changes."""

import numpy as np

from pneumo.intake.thumbnails import SIDE

LARGEST_PX = 256
"""Larger pictures are looked at in every n-th pixel, and their texture in the middle."""

BLACK, WHITE = 3, 252
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
EVEN_ROW = 6
"""Grey levels between the darkest and the brightest pixel of a row that is no anatomy."""

FAINTEST = 0.05
"""Grey levels that stand for no texture at all, before the logarithm."""

BLANK_SPREAD = 0.02
BLANK_SHARE = 0.98

WORDS = {
    "mean": "brightness",
    "spread": "contrast",
    "q01": "the darkest grey levels",
    "q05": "dark grey levels",
    "q25": "darker grey levels",
    "q50": "middle grey levels",
    "q75": "brighter grey levels",
    "q95": "bright grey levels",
    "q99": "the brightest grey levels",
    "black": "share of black",
    "white": "share of white",
    "entropy": "variety of grey levels",
    "levels": "number of grey levels in use",
    "top": "brightness of the upper third",
    "bottom": "brightness of the lower third",
    "left": "brightness of the left third",
    "right": "brightness of the right third",
    "centre": "brightness of the middle",
    "corners": "brightness of the corners",
    "symmetry": "likeness of left and right",
    "upside": "likeness of top and bottom",
    "rim": "brightness of the rim",
    "even_rows": "rows without a picture",
    "even_columns": "columns without a picture",
    "edges": "strength of edges",
    "grain": "edges down against edges across",
    "noise": "noise, or sharpening",
    "flat": "areas without any texture",
}
"""The names of the features, in their order, and what each is called on a page."""

NAMES = tuple(WORDS)


def features(radiograph: np.ndarray, small: np.ndarray) -> np.ndarray:
    """The features of a picture, uint8 ``(rows, columns)``, in the order of ``NAMES``: float32.

    ``small`` is its thumbnail.

    Brightness and shares are in [0, 1], texture in logarithms of grey levels. A constant picture,
    and one of a single pixel, have features too.
    """
    step = -(-max(radiograph.shape) // LARGEST_PX)
    seen = radiograph[::step, ::step]
    found = [*_levels(seen), *_places(small / 255), *_even(seen), *_texture(_middle(radiograph))]
    return np.array(found, np.float32)


def is_blank(found: np.ndarray) -> bool:
    """Whether features are those of a picture that shows next to nothing."""
    by_name = dict(zip(NAMES, found.tolist(), strict=True))
    one_sided = max(by_name["black"], by_name["white"]) ** 2 > BLANK_SHARE
    return one_sided or by_name["spread"] < BLANK_SPREAD


def _levels(seen: np.ndarray) -> list[float]:
    counts = np.bincount(seen.ravel(), minlength=256)
    shares = counts / counts.sum()
    grey = np.arange(256) / 255
    mean = float(shares @ grey)
    spread = float(np.sqrt(max(shares @ grey**2 - mean**2, 0.0)))
    quantiles = grey[np.searchsorted(np.cumsum(shares), np.array(QUANTILES) - 1e-12)]
    used = shares[shares > 0]
    entropy = -float(used @ np.log2(used)) / 8
    ends = np.sqrt([shares[: BLACK + 1].sum(), shares[WHITE:].sum()])  # rare: the root spreads them
    return [mean, spread, *quantiles, *ends, entropy, len(used) / 256]


def _places(small: np.ndarray) -> list[float]:
    third, quarter = SIDE // 3, SIDE // 4
    mean = small.mean()
    corners = np.stack([small[:quarter], small[-quarter:]])
    corners = np.concatenate([corners[..., :quarter], corners[..., -quarter:]])
    rim = (small[[0, -1]].mean() + small[:, [0, -1]].mean()) / 2
    places = [
        small[:third], small[-third:], small[:, :third], small[:, -third:],
        small[third:-third, third:-third], corners,
    ]  # fmt: skip
    return [
        *(float(place.mean() - mean) for place in places),
        _likeness(small, small[:, ::-1]),
        _likeness(small, small[::-1]),
        float(rim),
    ]


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures; 0 for constant ones."""
    a, b = one - one.mean(), other - other.mean()
    size = float((a * a).sum())
    return float((a * b).sum()) / size if size > 1e-9 else 0.0


def _even(seen: np.ndarray) -> list[float]:
    spans = (np.ptp(seen, axis=axis) for axis in (1, 0))
    return [float(np.sqrt((span <= EVEN_ROW).mean())) for span in spans]


def _middle(radiograph: np.ndarray) -> np.ndarray:
    rows, columns = radiograph.shape
    top, left = max(rows - LARGEST_PX, 0) // 2, max(columns - LARGEST_PX, 0) // 2
    return radiograph[top : top + LARGEST_PX, left : left + LARGEST_PX].astype(np.int16)


def _texture(pixels: np.ndarray) -> list[float]:
    down, across = np.diff(pixels, axis=0), np.diff(pixels, axis=1)
    edges, grain = _mean(across), _mean(down)
    noise = _mean(np.diff(across[:-1], axis=0)) if min(pixels.shape) > 1 else FAINTEST
    flat = float((across == 0).mean()) if across.size else 1.0
    return [np.log(edges), np.log(grain / edges), np.log(noise), np.sqrt(flat)]


def _mean(differences: np.ndarray) -> float:
    if not differences.size:
        return FAINTEST
    return max(float(np.abs(differences).mean()), FAINTEST)
