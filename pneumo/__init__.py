"""Finds pneumonia opacities on chest radiographs with an ensemble of four segmentation networks.

To follow one radiograph from DICOM to registry, read in this order: ``dvc.yaml``,
``stages/prepare.py``, ``dicom/read.py``, ``stages/train.py``, ``nets/``, ``stages/tune.py``,
``stages/evaluate.py``, ``gate.py``, ``registry.py``, ``stages/score.py``.
"""
