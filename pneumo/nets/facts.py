"""What each network is, as a person wants to know before choosing: size, cost, taps, source."""

from dataclasses import dataclass
from math import prod

import keras

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


@dataclass(frozen=True)
class NetworkFacts:
    """One network as it is configured; ``gflop`` is the cost of one image."""

    name: str
    parameters: int
    gflop: float
    input: str
    taps: tuple[str, ...]
    papers: tuple[str, ...]


def facts_of(model: str, size_px: int, encoder: str, *, image_head: bool) -> NetworkFacts:
    """Build ``model`` at ``size_px`` with the ``encoder`` (``full`` or ``small``) and look."""
    network = build(
        model,
        size_px,
        encoder=encoder,
        encoder_weights="none",
        batch_norm_momentum=0.9,
        image_head=image_head,
    )
    backbone = MODELS[model].encoder
    decoder, *extra = ("aspp",) if model.startswith("aspp") else ("unet",)
    extra += ["attention"] if any("attention" in layer.name for layer in network.layers) else []
    papers = tuple(PAPERS[name] for name in (backbone, decoder, *extra))
    used = TAPS[backbone] if decoder == "unet" else tuple(TAPS[backbone][n] for n in (1, 3))
    shape = f"{size_px} x {size_px} x 1, uint8"
    return NetworkFacts(model, network.count_params(), flops(network) / 1e9, shape, used, papers)


def flops(network: keras.Model) -> int:
    """Multiplications and additions of the convolutions for one image."""
    return sum(_flops(layer) for layer in network.layers)


def _flops(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.Conv2D):
        return 2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    return 0
