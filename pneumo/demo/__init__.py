"""Synthetic frontal chest radiographs in RSNA's format: drawn from a seed, never copied.

To follow one image: ``plan.py`` (who), ``radiograph.py`` (how it is put together),
``anatomy.py``, ``body.py``, ``skeleton.py``, ``vessels.py`` (the healthy chest), ``findings.py``
(pneumonia), ``distractors.py`` (other disease), ``devices.py`` (leads, lines, letters),
``exposure.py`` (grey levels), ``files.py`` (DICOM).
"""
