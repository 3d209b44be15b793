"""How the networks are weighed and how maps become boxes: searched on validation people.

Other rooms use ``search``, ``choice``, ``ledger``.
"""
