"""Findings as DICOM objects that a radiologist sees: report, overlay, picture; and their read-back.

Per scored radiograph a Comprehensive SR (TID 1500) and a Grayscale Softcopy Presentation State in
the radiograph's study, and a Secondary Capture where it is wanted.

Floor 6: imports rooms of floors 5 to 0, no neighbour. Other rooms use ``write`` (``objects``),
``check`` (``checks``), ``deidentify`` and ``renamed`` (``anonymous``), ``ours``, which tells
whether an object is one of these, and ``data_set_sum``, which tells what it is, whichever way it
came.
"""

from pneumo.dicom.identity import data_set_sum
from pneumo.dicom.ours import ours
from pneumo.findings.anonymous import deidentify, renamed
from pneumo.findings.checks import check
from pneumo.findings.objects import write

__all__ = ["check", "data_set_sum", "deidentify", "ours", "renamed", "write"]
