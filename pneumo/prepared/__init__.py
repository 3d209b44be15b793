"""Radiographs as arrays for training: the format on disk, who is in which split, what is resumed.

Floor 4: imports rooms of floors 3 to 0, no neighbour. Other rooms use ``format``, ``splits``,
``squares``, ``resumed``.
"""
