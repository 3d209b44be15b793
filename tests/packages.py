"""A real ensemble of two small networks at 32 px, as the registry keeps one.

One of them has an image head and answers with the mean over mirror images.
"""

import json
from pathlib import Path
from shutil import copyfile, copytree

import numpy as np
import pytest

from pneumo.base.files import sha256, write_json
from pneumo.engines.processor import multiplies_in_bfloat16

needs_bfloat16 = pytest.mark.skipif(
    not multiplies_in_bfloat16(), reason="this processor does not multiply in bfloat16"
)

NETWORKS = ("unet_densenet121", "unet_vgg19")
SIZE_PX = 32
ENSEMBLE = {
    "weights": {"unet_densenet121": 0.25, "unet_vgg19": 0.75, "unet_resnet152": 0.0},
    "threshold": 0.5,
    "gate": 0.0,
    "minimum_area_px": 0.0,
    "shrink_x": 0.0,
    "shrink_y": 0.0,
    "cells": 19,
}


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Grey ramps and squares with noise: uint8 ``(count, 32, 32)``."""
    chance = np.random.default_rng(seed)
    found = chance.integers(0, 60, (count, SIZE_PX, SIZE_PX))
    found += (np.arange(SIZE_PX) * chance.integers(1, 4, (count, 1, 1))).astype(found.dtype)
    found[::2, 8:20, 4:16] += 90
    return found.astype(np.uint8)


def write_package(folder: Path, networks=NETWORKS, settings=ENSEMBLE) -> Path:
    """Build, save and sum an ensemble with the maps of its golden pictures."""
    import keras

    from pneumo.engines.keras import KerasEngine
    from pneumo.engines.package import Package
    from pneumo.nets.archive import save_network
    from pneumo.nets.build import build, flip_averaged

    folder.mkdir(parents=True)
    for number, name in enumerate(networks):
        keras.utils.set_random_seed(number)
        rich = name == "unet_vgg19"
        network = build(
            name,
            SIZE_PX,
            encoder="small",
            encoder_weights="none",
            batch_norm_momentum=0.9,
            image_head=rich,
        )
        save_network(flip_averaged(network) if rich else network, folder / f"{name}.keras")
    write_json(folder / "ensemble.json", dict(settings))
    sum_up(folder)
    golden = pictures(3)
    found, apart = KerasEngine(Package(folder)).answers(golden)
    calls_some = {"threshold": round(float(np.quantile(found, 0.8)), 4)}
    write_json(folder / "ensemble.json", dict(settings) | calls_some)
    np.savez(folder / "golden.npz", images=golden, probabilities=found, disagreement=apart)
    sum_up(folder)
    return folder


def with_image_threshold(package: Path, folder: Path, level: float) -> Path:
    """A copy of an ensemble that calls nothing below ``level``."""
    copytree(package, folder)
    settings = json.loads((folder / "ensemble.json").read_text())
    write_json(folder / "ensemble.json", settings | {"gate": level})
    sum_up(folder)
    return folder


def sum_up(folder: Path) -> None:
    """Write the manifest of the files that lie in the folder."""
    files = [path for path in sorted(folder.iterdir()) if path.name != "manifest.json"]
    (folder / "manifest.json").write_text(json.dumps({p.name: sha256(p) for p in files}))


def balance(package: Path, folder: Path, paths: list[Path]) -> Path:
    """A copy whose thresholds call something on about half of the radiographs."""
    from pneumo.detection.ensemble import CELLS, image_level
    from pneumo.dicom import read_square
    from pneumo.engines.keras import KerasEngine
    from pneumo.engines.package import Package

    copytree(package, folder)
    squares = [read_square(path, SIZE_PX).pixels for path in paths if path.stat().st_size > 9000]
    maps = KerasEngine(Package(folder)).probabilities(np.stack(squares))
    levels, peaks = image_level(maps, CELLS), maps.max(axis=(1, 2))
    chosen = {"gate": float(np.median(levels)), "threshold": float(np.quantile(maps, 0.9))}
    assert (peaks > chosen["threshold"]).any()
    write_json(folder / "ensemble.json", ENSEMBLE | chosen)
    sum_up(folder)
    return folder


def main(folder: Path) -> None:
    """Write what ``make images`` scores inside an image: radiographs, ensemble and settings."""
    from pneumo.base.settings import DemoSettings
    from pneumo.stages.demo import demo

    demo(folder / "data", demo=DemoSettings(images=30, seed=5))
    write_package(folder / "package")
    copyfile("recipes/demo.yaml", folder / "params.yaml")


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
