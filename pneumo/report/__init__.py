"""An evaluation, and everything else that is looked at, as pages, charts and words.

Floor 6: imports rooms of floors 5 to 0, no neighbour. Other rooms use ``report``, ``curves``,
``examples``, ``provenance``, ``pages``, ``pictures``, ``sentences``, ``timelines``.
"""
