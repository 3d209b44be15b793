"""Recipes compared on folds by person, and encoders that learn before they segment.

Other rooms use ``crossval``, ``pretrain``.
"""
