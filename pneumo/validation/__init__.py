"""What the tables of a data set must satisfy, and what is said where they do not.

Other rooms use ``columns``, ``run_rules``.
"""
