"""How a network learns: batches, changed images, losses, checkpoints, several devices.

Floor 3: imports rooms of floors 2 to 0, no neighbour. Other rooms use ``fitting``, ``batches``,
``checkpoints``, ``watch``, ``spread``, ``pretraining``, ``memory``, ``precision``.
"""
