"""The old name of ``pneumo.detection.ensemble``, for what 0.1 registered; it goes with 0.3."""

from functools import partial

from pneumo.detection.ensemble import EARLIER_CELLS, Ensemble
from pneumo.detection.ensemble import image_level as image_level_of

image_level = partial(image_level_of, cells=EARLIER_CELLS)

__all__ = ["Ensemble", "image_level"]
