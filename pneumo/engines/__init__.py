"""A registered ensemble as one function from pictures to maps: Keras, or OpenVINO on a CPU.

``package`` checks the files, ``keras`` and ``openvino`` run them, ``convert`` (in a process of its
own) makes the graph that OpenVINO runs, ``golden`` asks each engine for what is known already, and
``choose`` takes the engine that fits the machine.
"""
