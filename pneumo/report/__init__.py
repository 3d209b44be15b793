"""An evaluation, and everything else that is looked at, as pages, charts and words.

Other rooms use ``report``, ``curves``, ``examples``, ``provenance``, ``pages``, ``pictures``,
``sentences``.
"""
