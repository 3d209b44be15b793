"""How good an ensemble is, on people it has never seen: every figure with its interval.

Other rooms use ``figures``, ``judge``, ``cases``, ``froc``, ``roc``, ``bootstrap``,
``stability``, ``perturbations``, ``duplicates``.
"""
