"""Many files to one folder of results, in parts that appear whole and are not done twice.

In the order of the work: ``model`` (which ensemble), ``inputs`` (files, folders, archives),
``plan`` (contents, duplicates, parts), ``run`` (reading, networks, boxes), ``overlays``, ``parts``
(what is finished, on disk), ``tables`` (rows), ``sheets``, ``counts`` and ``gallery`` (what people
get), ``publish`` (where they look for it).
"""
