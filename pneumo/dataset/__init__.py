"""RSNA's tables and archive, and any folder with a label each: got, checked, listed, read.

Floor 3: imports rooms of floors 2 to 0, no neighbour. Other rooms use ``dataset``, ``rsna``,
``tables``, ``ids``, ``people``, ``labelled``, ``folder``, ``archive``, ``manifest``, ``fetch``,
``publish``, ``readable``, ``sealed``.
"""
