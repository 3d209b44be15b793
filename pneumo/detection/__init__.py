"""From maps to boxes, and what counts as found: pure rules on arrays, the heart of the task.

Floor 1: imports room ``base`` alone. Other rooms use ``frame``, ``boxes``, ``ensemble``,
``disagreement``, ``matching``.
"""
