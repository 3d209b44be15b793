"""How good an ensemble is, on people it has never seen: every figure with its interval.

Floor 5: imports rooms of floors 4 to 0, no neighbour. Other rooms use ``figures``, ``judge``,
``cases``, ``froc``, ``roc``, ``bootstrap``, ``stability``, ``perturbations``, ``duplicates``,
``proportions``, ``counts``, ``unseen``.
"""
