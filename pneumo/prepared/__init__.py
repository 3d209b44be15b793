"""Radiographs as arrays for training: the format on disk, who is in which split, what is resumed.

Other rooms use ``format``, ``splits``, ``squares``, ``resumed``.
"""
