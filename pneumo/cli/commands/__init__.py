"""The commands, a module per kind; ``app`` puts them into the panels of ``pneumo --help``."""
