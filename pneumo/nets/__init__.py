"""The four networks: three encoders, two decoders, one head, in pure Keras 3.

``build`` puts them together and is the place to start; ``encoders``, ``_unet`` and ``_aspp`` are
one part each, top to bottom; ``_blocks`` holds what they share.

Floor 2: imports rooms of floors 1 to 0, no neighbour. Other rooms use ``build``, ``encoders``,
``weights``, ``archive``, ``configured``, ``facts``.
"""

from pneumo.nets import configured  # noqa: F401  # before a module here loads Keras
