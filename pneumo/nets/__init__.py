"""The four networks: three encoders, two decoders, and their heads, in pure Keras 3.

``build.py`` puts them together and is the place to start; ``encoders.py``, ``unet.py`` and
``aspp.py`` are one part each, top to bottom; ``blocks.py`` holds what they share; ``weights.py``
gives encoders their first weights. ``fitting.py`` trains, with ``batches.py``, ``augment.py``,
``trainer.py``, ``losses.py``, ``watch.py`` and ``checkpoints.py``; ``archive.py`` writes a trained
network, and ``facts.py`` tells what each one is.
"""

from pneumo.nets import configured  # noqa: F401  # before a module here loads Keras
