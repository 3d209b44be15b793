"""Who is champion: what is registered in MLflow, judged, promoted, fetched, verified.

A promotion reads in this order: ``promote``, ``_register``, ``upload``, ``standing``, ``_gate``,
``champion``.

Other rooms use ``promote``, ``store``, ``listing``, ``reach``, ``upload``, ``standing``,
``champion``, ``golden``, ``agreement``, ``lineage``, ``verify``, ``serving``.
"""
