"""What a radiograph looks like before it is answered, and what is usual where it comes from.

``features`` (28 numbers that are cheap to get), ``thumbnails`` (turned, inverted, mirrored),
``look`` (all of it for one radiograph, and whether a person should read it first), ``shift``
(whether a window of radiographs differs from a reference, by people), ``profile`` (what a
registered ensemble knows of both), ``fit`` (a profile, at the promotion).

Floor 4: imports rooms of floors 3 to 0, no neighbour. Other rooms use ``features``, ``thumbnails``,
``look``, ``shift``, ``profile``, ``fit``.
"""
