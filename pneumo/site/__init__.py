"""What one site keeps for itself: the key behind its pseudonyms, and the audit trail.

Floor 1: imports room ``base`` alone. Other rooms use ``sitekey``, ``keyfile``, ``trail``.
"""
