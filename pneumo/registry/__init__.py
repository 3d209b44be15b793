"""Who is champion: what is registered in MLflow, judged, promoted, fetched, verified.

A promotion reads in this order: ``promote``, ``_register``, ``upload``, ``judging``, ``_gate``,
``champion``, ``_told`` (the audit trail).

Floor 6: imports rooms of floors 5 to 0, no neighbour. Other rooms use ``promote``, ``store``,
``listing``, ``reach``, ``upload``, ``judging``, ``champion``, ``golden``, ``agreement``,
``lineage``, ``verify``, ``serving``, ``heads``,
``counts``.
"""
