"""Finds pneumonia opacities on chest radiographs with an ensemble of four segmentation networks.

A room imports rooms of lower floors only; its ``__init__`` says what others may use. To follow one
radiograph from DICOM to registry, and a new one to its boxes, read in this order: ``dvc.yaml``,
``stages/prepare``, ``dicom/``, ``stages/train``, ``nets/``, ``training/``, ``stages/tune``,
``tuning/``, ``stages/evaluate``, ``evaluation/``, ``registry/``, ``scoring/``, ``engines/``.
"""
