"""MLflow runs: what a training tells while it runs, and what is completed later.

Floor 2: imports rooms of floors 1 to 0, no neighbour. Other rooms use ``runs``, ``live``,
``samples``.
"""
