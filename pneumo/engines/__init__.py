"""A registered ensemble as one function from pictures to maps: Keras, or OpenVINO on a CPU.

``package`` checks the files, ``keras``, ``openvino`` and ``mixed`` (two of the latter) run them,
``convert`` (in a process of its own) makes the graph that ``graphs`` keeps, ``known_answers`` asks
each engine for what is known already, ``choose`` takes the engine that fits the machine,
``processor`` names what figures are true of, and ``speed`` tells which precision is fastest there.

Floor 3: imports rooms of floors 2 to 0, no neighbour. Other rooms use ``choose``, ``package``,
``engine``, ``keras``, ``openvino``, ``mixed``, ``graphs``, ``convert``, ``int8``, ``cache``,
``known_answers``, ``processor``, ``speed``.
"""
