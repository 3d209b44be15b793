"""Who is champion: what is registered in MLflow, judged, promoted, fetched, verified.

A promotion reads in this order: ``promote``, ``_results``, ``register``, ``judging``, ``_gate``,
``agree``, ``agreement``, ``precisions``, ``champion``, ``_told`` (the audit trail).

Floor 6: imports rooms of floors 5 to 0, no neighbour. Other rooms use ``promote``, ``store``,
``listing``, ``reach``, ``register``, ``judging``, ``champion``, ``golden``, ``agree``,
``precisions``, ``graphs``, ``lineage``, ``verify``, ``serving``, ``heads``, ``counts``; the bench
``agreement``.
"""
