"""Radiographs as DICOM files."""

from pneumo.dicom.read import Radiograph, fit, read_radiograph

__all__ = ["Radiograph", "fit", "read_radiograph"]
