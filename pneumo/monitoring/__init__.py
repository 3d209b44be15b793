"""What was scored since the promotion: does it still look as it did, and was it right?

Readers' verdicts: ``draw`` (what is read), ``labels`` (``_verdicts``, ``_structured``, ``_kept``,
``_counted``, ``_figures``), ``change`` (did a share fall?), ``registered`` (below what), ``feedback``
(a data version of them), ``accept`` (does it work here?).

Floor 7: imports rooms of floors 6 to 0, no neighbour. Other rooms use ``draw``, ``labels``,
``change``, ``registered``, ``feedback``, ``accept``.
"""
