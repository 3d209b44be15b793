"""The four networks: three encoders, two decoders, one head, in pure Keras 3.

``build.py`` puts them together and is the place to start; ``encoders.py``, ``unet.py`` and
``aspp.py`` are one network each, top to bottom; ``blocks.py`` holds what they share. Training
uses ``losses.py`` and ``batches.py``; ``archive.py`` writes a trained network.
"""
