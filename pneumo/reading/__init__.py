"""The reading page: radiographs looked at, corrected and labelled in a browser on this machine.

In the order of a request: ``_address`` (that it stays), ``_guard`` (whose it is), ``_routes`` (what
is asked), ``_images`` (the worklist), ``_pixels`` (decoded ahead), ``_answers`` and ``_maps`` (what
the ensemble says), ``_readings`` and ``_dataset`` (what the reader says, on disk), ``_agreement``,
``_trial``; ``page`` is what the browser runs.

Floor 8: imports rooms of floors 7 to 0, no neighbour. Other rooms use ``read``.
"""
