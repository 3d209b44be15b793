"""Finds pneumonia opacities on chest radiographs with an ensemble of four segmentation networks.

A room imports rooms of lower floors only; its ``__init__`` says what others may use. To follow one
radiograph from DICOM to registry, and a new one to its boxes, read in this order: ``dvc.yaml``,
``stages/validate``, ``dataset/``, ``validation/``, ``stages/prepare``, ``prepared/``, ``dicom/``,
``stages/train``, ``training/``, ``nets/``, ``stages/tune``, ``detection/``, ``tuning/``,
``stages/evaluate``, ``evaluation/``, ``report/``, ``registry/promote``, ``scoring/``, ``engines/``.
"""
