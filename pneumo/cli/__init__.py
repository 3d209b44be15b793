"""The command line: ``app`` puts the commands into panels; ``terminal`` tells what went wrong,
``results`` how a run ended, ``recipes`` installs complete settings.

Floor 9: imports rooms of floors 8 to 0, no neighbour.
"""
