"""The statistics of batch normalisation: over how many steps they are taken, and taken anew."""

from collections.abc import Callable

import keras
import numpy as np

from pneumo.training.batches import Batches

MOST_BATCHES = 64
"""Batches from which they are estimated."""

LEAST_MEMORY, MEMORY_SHARE = 10, 1 / 30
"""Steps, and share of all steps, that the moving statistics may remember."""


def limit_memory(network: keras.Model, steps: int) -> None:
    """Let the moving statistics remember a small share of a training of ``steps`` at most.

    They begin at mean 0 and variance 1. With a momentum of 0.99, a training of a few hundred steps
    is judged under statistics of weights it has long left, and finds nothing in validation while it
    learns, the more so the deeper a network is.
    """
    most = 1 - 1 / max(LEAST_MEMORY, steps * MEMORY_SHARE)
    for norm in _norms(network):
        norm.momentum = min(norm.momentum, most)


def keep_statistics(encoder: keras.Model) -> None:
    """Let an encoder normalise in training as it does in use, with what came with its weights.

    The decoder has learnt from its maps as they are in use. With the statistics of a batch of 16
    in their place it would be another encoder from the step on that lets it go. Scales and shifts
    stay as well, as where detectors are tuned (torchvision's FrozenBatchNorm2d); kernels learn.
    """
    for norm in _norms(encoder):
        norm.trainable = False


def reestimate_batch_norm(network: keras.Model, batches: Batches) -> None:
    """Replace the moving statistics by means over training batches, under the final weights.

    Layers that were not trained keep theirs: the rest has learnt from what they give.
    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3.
    """
    norms = [norm for norm in _norms(network) if norm.trainable]
    moving = [variable for n in norms for variable in (n.moving_mean, n.moving_variance)]
    sums = [np.zeros(variable.shape) for variable in moving]
    count = min(len(batches), MOST_BATCHES)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # so they are those of the last batch
    show = _shown(network)
    for number in range(count):
        show(batches[number][0]["pixels"])
        for total, variable in zip(sums, moving, strict=True):
            total += keras.ops.convert_to_numpy(variable)
    for total, variable in zip(sums, moving, strict=True):
        variable.assign(total / count)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


def _norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [n for n in network.layers if isinstance(n, keras.layers.BatchNormalization)]


def _shown(network: keras.Model) -> Callable[[np.ndarray], None]:
    """Shows pixels to ``network`` as in training: one program, where eager calls are hundreds."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda pixels: network(pixels, training=True))
    import jax

    @jax.jit
    def states(trained: list, others: list, pixels: np.ndarray) -> list:
        return network.stateless_call(trained, others, pixels, training=True)[1]

    def show(pixels: np.ndarray) -> None:
        trained = [variable.value for variable in network.trainable_variables]
        others = [variable.value for variable in network.non_trainable_variables]
        values = states(trained, others, pixels)
        for variable, value in zip(network.non_trainable_variables, values, strict=True):
            variable.assign(value)

    return show
