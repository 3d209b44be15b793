"""To understand a data set before training on it: one page, and how its splits look.

Floor 7: imports rooms of floors 6 to 0, no neighbour. Other rooms use ``explore``, ``overview``.
"""
