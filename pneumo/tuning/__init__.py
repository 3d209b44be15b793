"""How the networks are weighed and how maps become boxes: searched on validation people.

Floor 4: imports rooms of floors 3 to 0, no neighbour. Other rooms use ``search``, ``choice``,
``ledger``.
"""
