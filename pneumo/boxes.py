"""The old name of ``pneumo.detection.boxes``, for what 0.1 registered; it goes with 0.3."""

from pneumo.detection.boxes import (
    Box,
    Component,
    Frame,
    boxes_from_probability,
    components,
    filter_boxes,
    iou,
    mask_from_boxes,
)

__all__ = [
    "Box",
    "Component",
    "Frame",
    "boxes_from_probability",
    "components",
    "filter_boxes",
    "iou",
    "mask_from_boxes",
]
