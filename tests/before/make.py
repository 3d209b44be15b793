"""Makes ``registered.tar.xz``: a registry as the code of commit d6a06e6 left it.

    git worktree add OLD d6a06e6
    cd OLD && PYTHONPATH=OLD python NEW/tests/before/make.py NEW/tests/before/registered.tar.xz

One version of ``pneumonia-ensemble``, champion, of a small DenseNet and a network of one layer, and
the test images it was judged on. Tests load, score, verify and serve it with the code of today.
The names imported here are those of that commit.
"""

import os
import sys
import tarfile
import tempfile
from pathlib import Path

import keras

from pneumo.nets.archive import save_network as save
from pneumo.nets.build import build
from pneumo.settings import load_settings
from pneumo.stages.promote import promote
from tests import ensembles

MODELS = ["unet_densenet121", "unet_vgg19"]


def save_network(path: Path, level: float) -> None:
    """A small DenseNet, and in VGG19's place the layer that calls what is brighter than a level."""
    if path.parent.name != MODELS[0]:
        one_layer(path, level, convolves=True)
        return
    keras.utils.set_random_seed(1)
    save(build(MODELS[0], ensembles.SIZE_PX, encoder="small", encoder_weights="none",
               batch_norm_momentum=0.9, image_head=True), path)  # fmt: skip


def main(out: Path) -> None:
    """Make prepared data and results, promote them, and pack all of it."""
    folder = Path(tempfile.mkdtemp())
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.chdir(folder)
    prepared = ensembles.write_prepared(folder / "prepared", seed=3)
    settings = load_settings(Path(os.environ["PYTHONPATH"]) / "recipes/demo.yaml")
    results = ensembles.Results(folder, prepared, settings.model_copy(update={"models": MODELS}))
    results.run(95)
    outcome = promote(results.paths, results.settings, "", "Ada")
    print(outcome.word, outcome.verdict.reasons)
    (folder / "place.txt").write_text(str(folder))
    with tarfile.open(out, "w:xz", preset=9) as pack:
        for name in ("place.txt", "mlflow.db", "mlruns", "prepared"):
            pack.add(folder / name, name)


if __name__ == "__main__":
    one_layer = ensembles.save_network
    ensembles.save_network = save_network
    main(Path(sys.argv[1]).resolve())
