"""Radiographs as DICOM files, or as PNG and JPEG pictures."""

from pneumo.dicom.read import Radiograph, Square, fit, read_radiograph, read_square

__all__ = ["Radiograph", "Square", "fit", "read_radiograph", "read_square"]
