"""RSNA's tables and archive, and any folder with a label each: got, checked, listed, read.

Other rooms use ``dataset``, ``rsna``, ``tables``, ``ids``, ``people``, ``labelled``, ``folder``,
``archive``, ``manifest``, ``fetch``, ``publish``, ``readable``.
"""
