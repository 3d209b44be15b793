"""From maps to boxes, and what counts as found: pure rules on arrays, the heart of the task.

Other rooms use ``frame``, ``boxes``, ``ensemble``, ``matching``.
"""
