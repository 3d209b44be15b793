"""What was scored since the promotion, window by window: does it still look as it did?

In the order of the work: ``measure`` (a run), ``_images`` (new radiographs, by the day they were
first seen), ``_reference`` (the registered one, the site's own),
``_judge`` (one window, once), ``_light`` (how things stand), ``_state`` (what is kept on disk),
``_told`` (the audit trail), ``_page`` (what people look at; ``_tables``, ``_suppressed``: its
counts).

Was it right? ``draw`` (what is read), ``labels`` (``_verdicts``, ``_structured``, ``_kept``,
``_counted``, ``_figures``: what readers say), ``change`` (did a share fall?), ``registered``
(below what), ``feedback`` (a data version of it), ``accept`` (does the ensemble work here?).

Floor 7: imports rooms of floors 6 to 0, no neighbour. Other rooms use ``measure``, ``draw``,
``labels``, ``change``, ``registered``, ``feedback``, ``accept``.
"""
