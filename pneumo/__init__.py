"""Finds pneumonia opacities on chest radiographs with an ensemble of four segmentation networks.

To follow one radiograph from DICOM to registry, and a new one to its boxes, read in this order:
``dvc.yaml``, ``stages/prepare.py``, ``dicom/read.py``, ``stages/train.py``, ``nets/``,
``stages/tune.py``, ``search.py``, ``stages/evaluate.py``, ``evaluation.py``, ``stages/promote.py``,
``enrolment.py``, ``registration.py``, ``candidacy.py``, ``gate.py``, ``champion.py``,
``stages/score.py``, ``scoring/``, ``engines/``.
"""
