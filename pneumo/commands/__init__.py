"""The commands, a module per panel of ``pneumo --help``; ``cli.py`` puts them together."""
