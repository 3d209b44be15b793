"""The commands, a module per kind; ``cli.py`` puts them into the panels of ``pneumo --help``."""
