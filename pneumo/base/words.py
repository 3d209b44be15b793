"""Words that settings, options and code share; light, since every command loads them."""

from typing import Literal

Network = Literal["unet_resnet152", "unet_densenet121", "unet_vgg19", "aspp_resnet152"]
EngineName = Literal["auto", "tensorflow", "jax", "openvino"]
OverlayName = Literal["none", "positive", "all"]

ENSEMBLE = "pneumonia-ensemble"
"""The registered model whose versions are ensembles."""

ALIASES = ("champion", "challenger", "previous")
