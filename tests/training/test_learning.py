"""A network of the published size learns in a few hundred steps by the recipe for the archive."""

from pathlib import Path

import numpy as np
import pytest

from pneumo.base.settings import load_settings
from pneumo.synthetic.plan import plan
from pneumo.synthetic.radiograph import draw
from pneumo.training.batches import Batches
from pneumo.training.checkpoints import Checkpoints
from pneumo.training.fitting import finished, fit, make_repeatable, make_trainer
from pneumo.training.watch import Watch

pytestmark = pytest.mark.timeout(1800)

SIZE_PX, SEEN, UNSEEN = 32, 96, 32
EPOCHS = 16  # of 12 steps
CHANGES = {
    "encoder_weights": "none",
    "batch_size": 8,
    "epochs": EPOCHS,
    "patience": EPOCHS,
    "learning_rate": 0.001,
    "flip_average": False,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def radiographs():
    """The demo's radiographs and masks, uint8 ``(n, SIZE_PX, SIZE_PX)``."""
    factor = 1024 // SIZE_PX
    images = np.empty((SEEN + UNSEEN, SIZE_PX, SIZE_PX), np.uint8)
    masks = np.zeros_like(images)
    for number, case in enumerate(plan(SEEN + UNSEEN, 1)):
        pixels, boxes = draw(case)
        blocks = pixels.reshape(SIZE_PX, factor, SIZE_PX, factor)
        images[number] = blocks.mean((1, 3)).round()
        for box in boxes:
            x, y, width, height = (round(side / factor) for side in box)
            masks[number, y : y + height, x : x + width] = 1
    return images, masks


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.slow
def test_a_full_network_finds_opacities_after_two_hundred_steps(radiographs, tmp_path):
    images, masks = radiographs
    settings = load_settings(Path(__file__).parents[2] / "recipes/rsna.yaml")
    train = settings.train.model_copy(update=CHANGES)
    rows, held = np.arange(SEEN), np.arange(SEEN, SEEN + UNSEEN)
    make_repeatable(1)
    how = {"seed": 1, "augment": settings.augment}
    shown = Batches(images, masks, rows, train.batch_size, **how)
    held_out = Batches(images, masks, held, UNSEEN)
    plain = Batches(images, masks, rows, train.batch_size, seed=1)
    model = "unet_densenet121"
    trainer = make_trainer(model, SIZE_PX, train, steps=len(shown), augmented=True)
    watch = Watch(model, EPOCHS, lambda *_: None, shown)
    fit(trainer, shown, held_out, train, watch, Checkpoints(tmp_path, "key"))
    pixels, truth = images[held][..., np.newaxis], masks[held] == 1
    as_judged = trainer.network.predict_on_batch(pixels)[..., 1] > 0.5
    network = finished(trainer, model, SIZE_PX, train, plain)
    found = network.predict_on_batch(pixels)[..., 1] > 0.5
    everything = truth.mean()
    assert overlap(found, truth) > 3 * everything
    assert overlap(as_judged, truth) > 3 * everything
    judged = [row["val_iou"] for row in watch.history[-EPOCHS // 4 :]]
    assert min(judged) > 3 * everything  # by the statistics that chose the epoch
