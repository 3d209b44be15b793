"""Radiographs as DICOM files, or as PNG and JPEG pictures: guards, decoders, grey levels.

``read`` is the way in; it asks ``_scan``, which calls ``source``, ``_parse``, ``_guards``,
``_frontal``, ``_encoding``, ``_display`` and ``_spacing`` in this order, then ``_decode`` and
``_grey``.

Floor 2: imports rooms of floors 1 to 0, no neighbour. Other rooms use ``read``, ``workers``
(untrusted files in processes with limits), ``headers``, ``identity`` (a sum that no hop changes),
``stored``, ``full`` (for a person who chooses the window), ``ours``, ``source``, ``passed_over``,
``refusal``, ``process``, ``worker``.
"""

from pneumo.dicom.read import Radiograph, Square, fit, read_radiograph, read_square

__all__ = ["Radiograph", "Square", "fit", "read_radiograph", "read_square"]
