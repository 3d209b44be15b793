"""Radiographs as DICOM files, or as PNG and JPEG pictures: guards, decoders, grey levels.

``read`` is the way in; ``_parse``, ``_guards``, ``_frontal``, ``_display``, ``_decode`` and
``_grey`` follow in this order. Other rooms use ``read``, ``workers`` (untrusted files in processes
with limits), ``headers``, ``identity`` (a sum that no hop changes), ``stored``, ``ours``,
``source``, ``passed_over``, ``refusal``, ``process``, ``worker``.
"""

from pneumo.dicom.read import Radiograph, Square, fit, read_radiograph, read_square

__all__ = ["Radiograph", "Square", "fit", "read_radiograph", "read_square"]
