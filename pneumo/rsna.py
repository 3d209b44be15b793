"""The old name of ``pneumo.dataset.rsna``, for programs written for 0.1; it goes with 0.3."""

from pneumo.dataset.rsna import (
    format_submission,
    image_precision,
    mean_average_precision,
    read_labels,
    read_submission,
)

__all__ = [
    "format_submission",
    "image_precision",
    "mean_average_precision",
    "read_labels",
    "read_submission",
]
