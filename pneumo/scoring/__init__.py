"""Many files to one folder of results, in parts that appear whole and are not done twice.

In the order of the work: ``_model`` (which ensemble), ``_inputs`` (files, folders, archives),
``plan`` (contents, duplicates, parts), ``run`` (reading, networks, boxes), ``_overlays``,
``parts`` (what is finished, on disk), ``_rows``, ``_order`` (what is read first), ``_sheets``,
``_counts`` and ``_wall`` (what people get), ``_publish`` (where they look for it).

Floor 7: imports rooms of floors 6 to 0, no neighbour. Other rooms use ``score``, ``plan``, ``run``,
``parts``.
"""
