"""The old name of ``pneumo.detection.ensemble``, for what 0.1 registered; it goes with 0.3."""

from pneumo.detection.ensemble import (
    Ensemble,
    image_level,
)

__all__ = ["Ensemble", "image_level"]
