"""What each network is, as a person wants to know before choosing: size, cost, taps, source.

``python -m pneumo.nets.facts`` writes it to ``catalogue.json``, which ``pneumo models`` reads.
"""

from dataclasses import asdict
from itertools import product
from math import prod
from typing import Any

import keras

from pneumo.base.catalogue import TABLE, TILE_PX, NetworkFacts, key, shape
from pneumo.base.files import write_json
from pneumo.nets.build import MODELS, build

PAPERS = {
    "resnet152": "He et al., CVPR 2016",
    "densenet121": "Huang et al., CVPR 2017",
    "vgg19": "Simonyan and Zisserman, ICLR 2015",
    "unet": "Ronneberger et al., MICCAI 2015",
    "aspp": "Chen et al., ECCV 2018",
    "attention": "Woo et al., ECCV 2018",
}
TAPS = {
    "resnet152": ("conv1_relu", "conv2_block*_out", "conv3_block*_out", "conv4_block*_out",
                  "conv5_block*_out"),
    "densenet121": ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu"),
    "vgg19": ("block1_conv*", "block2_conv*", "block3_conv*", "block4_conv*", "block5_conv*"),
}  # fmt: skip


def facts_of(model: str, size_px: int, encoder: str, *, image_head: bool) -> NetworkFacts:
    """Build ``model`` at ``size_px`` with the ``encoder`` (``full`` or ``small``) and look."""
    return _facts(_built(model, size_px, encoder, image_head=image_head))


def _built(model: str, size_px: int, encoder: str, *, image_head: bool) -> keras.Model:
    return build(
        model,
        size_px,
        encoder=encoder,
        encoder_weights="none",
        batch_norm_momentum=0.9,
        image_head=image_head,
    )


def _facts(network: keras.Model) -> NetworkFacts:
    model = network.name
    backbone = MODELS[model].encoder
    decoder, *extra = ("aspp",) if model.startswith("aspp") else ("unet",)
    extra += ["attention"] if any("attention" in layer.name for layer in network.layers) else []
    papers = tuple(PAPERS[name] for name in (backbone, decoder, *extra))
    used = TAPS[backbone] if decoder == "unet" else tuple(TAPS[backbone][n] for n in (1, 3))
    size = shape(network.input_shape[1])
    return NetworkFacts(model, network.count_params(), flops(network) / 1e9, size, used, papers)


def flops(network: keras.Model) -> int:
    """Multiplications and additions of the convolutions for one image."""
    return sum(_flops(layer) for layer in network.layers)


def _flops(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.Conv2D):
        return 2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    return 0


def table() -> dict[str, dict[str, Any]]:
    """The rows of ``catalogue.json``, from networks that are built for it."""
    rows = {}
    for model, encoder, head in product(MODELS, ("full", "small"), (False, True)):
        one, two, three = (
            _built(model, side * TILE_PX, encoder, image_head=head) for side in (1, 2, 3)
        )
        per_tile = (flops(three) - flops(two)) // (3**2 - 2**2)
        rows[key(model, TILE_PX, encoder, image_head=head)] = _row(one, 0)
        rows[key(model, 2 * TILE_PX, encoder, image_head=head)] = _row(two, per_tile)
    return rows


def _row(network: keras.Model, per_tile: int) -> dict[str, Any]:
    facts = {name: asdict(_facts(network))[name] for name in ("parameters", "taps", "papers")}
    constant = flops(network) - per_tile * (network.input_shape[1] // TILE_PX) ** 2
    return {**facts, "flop": constant, "flop_per_tile": per_tile}


if __name__ == "__main__":
    write_json(TABLE, table())
