"""MLflow runs: what a training tells while it runs, and what is completed later.

Other rooms use ``runs``, ``live``, ``samples``.
"""
