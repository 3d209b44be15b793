"""Findings as DICOM objects that a radiologist sees: report, overlay, picture; and their read-back.

Per scored radiograph a Comprehensive SR (TID 1500) and a Grayscale Softcopy Presentation State in
the radiograph's study, and a Secondary Capture where it is wanted. ``ours`` tells whether an object
is one of these; ``data_set_sum`` what it is, whichever way it came.
"""

from pneumo.dicom.identity import data_set_sum
from pneumo.dicom.ours import ours

__all__ = ["data_set_sum", "ours"]
