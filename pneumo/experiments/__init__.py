"""Recipes compared on folds by person, and encoders that learn before they segment.

Floor 7: imports rooms of floors 6 to 0, no neighbour. Other rooms use ``crossval``, ``pretrain``.
"""
