"""What every room may use: words for errors, whole files, locks, settings, which code made what.

Floor 0: imports no other room. Other rooms use ``settings``, ``words``, ``errors``, ``files``,
``aside``, ``locks``, ``code``, ``git``, ``cpu``, ``gpus``, ``backends``, ``progress``,
``catalogue``, ``safe``, ``quiet``.
"""
