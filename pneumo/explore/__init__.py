"""To understand a data set before training on it: one page, and how its splits look.

Other rooms use ``explore``, ``overview``.
"""
