"""Synthetic frontal chest radiographs in RSNA's format: drawn from a seed, never copied.

To follow one image: ``plan`` (who), ``radiograph`` (how it is put together), ``pose``,
``anatomy``, ``body``, ``skeleton``, ``vessels`` (the healthy chest), ``opacities`` (pneumonia),
``distractors`` (other disease), ``hardware`` (leads, lines, letters), ``exposure`` (grey levels),
``export`` (DICOM); all draw on ``canvas``.

Floor 1: imports room ``base`` alone.
"""
