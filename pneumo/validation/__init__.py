"""What the tables of a data set must satisfy, and what is said where they do not.

Floor 4: imports rooms of floors 3 to 0, no neighbour. Other rooms use ``columns``, ``run_rules``.
"""
