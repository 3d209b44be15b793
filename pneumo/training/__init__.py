"""How a network learns: batches, changed images, losses, checkpoints, several devices.

Other rooms use ``fitting``, ``batches``, ``checkpoints``, ``watch``, ``spread``, ``pretraining``.
"""
