"""What training adds to a network, on TensorFlow."""

from io import BytesIO

import keras
import numpy as np
import pytest
from PIL import Image

from pneumo.base.settings import AugmentSettings
from pneumo.nets.build import IMAGE_HEAD, build, flip_averaged
from pneumo.training._augment import augment, draw, unchanged
from pneumo.training._normalisation import reestimate_batch_norm
from pneumo.training.batches import Batches
from pneumo.training.checkpoints import averaged
from pneumo.training.fitting import finished, is_out_of_memory, learning_rate, make_trainer
from tests.stages.test_train import SETTINGS

pytestmark = pytest.mark.slow

STRONG = AugmentSettings(
    flip=True, rotation_deg=10, scale=0.1, shift=0.1, contrast=0.2, brightness=0.1, blur=1, jpeg=1
)
SIZE = 32


def square(left=4, top=8, width=10, height=12):
    image = np.full((1, SIZE, SIZE, 1), 60, np.uint8)
    mask = np.zeros_like(image)
    mask[0, top : top + height, left : left + width] = 1
    image[mask == 1] = 200
    return image, mask


def changed(image, mask, **fields):
    """Both under an unchanged row with some fields of ``augment.COLUMNS`` set."""
    rows = unchanged(1)
    for place, value in fields.items():
        rows[0, int(place[1:])] = value
    return (np.asarray(part) for part in augment(image, mask, rows))


def test_an_unchanged_row_changes_nothing():
    image, mask = square()
    same, truth = changed(image, mask)
    assert (same == image).all()
    assert (truth == mask).all()


def test_image_and_mask_are_mirrored_together():
    image, mask = square()
    turned, truth = changed(image, mask, c0=-1, c2=SIZE - 1)
    assert (turned == image[:, :, ::-1]).all()
    assert (truth == mask[:, :, ::-1]).all()


def test_a_shift_moves_both_and_brings_in_black():
    image, mask = square()
    moved, truth = changed(image, mask, c2=3)  # output x shows input x + 3
    assert (truth[:, :, :-3] == mask[:, :, 3:]).all()
    assert (moved[:, :, :-3] == image[:, :, 3:]).all()
    assert not moved[:, :, -3:].any()


def test_contrast_brightness_blur_and_jpeg_leave_the_mask():
    image, mask = square()
    for fields in ({"c6": 0.5}, {"c7": 20}, {"c8": 1}, {"c9": 2}):
        other, truth = changed(image, mask, **fields)
        assert (truth == mask).all()
        assert (other != image).any(), fields
    assert np.abs(changed(image, mask, c7=20).__next__().astype(int) - image).max() == 20


def test_jpeg_noise_is_that_of_a_jpeg_file():
    noise = np.random.default_rng(0).random((64, 64)) * 40
    image = (noise + np.linspace(60, 200, 64)[:, None]).astype(np.uint8)
    ours = next(changed(image[None, ..., None], np.zeros((1, 64, 64, 1), np.uint8), c9=1))
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=50)
    theirs = np.asarray(Image.open(file)).astype(int)
    assert np.abs(ours[0, ..., 0] - theirs).mean() < 0.6
    assert np.abs(image - theirs).mean() > 5


@pytest.mark.parametrize("name", list(AugmentSettings.model_fields))
def test_every_setting_changes_what_is_drawn_and_nothing_else_does(name):
    off = AugmentSettings(**dict.fromkeys(AugmentSettings.model_fields, 0) | {"flip": False})
    on = off.model_copy(update={name: getattr(STRONG, name)})
    rows = draw(50, SIZE, on, np.random.default_rng(0))
    assert np.allclose(draw(50, SIZE, off, np.random.default_rng(0)), unchanged(50))
    assert (np.abs(rows - unchanged(50)) > 1e-6).any(axis=1).sum() > 15


@pytest.fixture
def batches(radiographs):
    images, masks = radiographs[0][..., 0], radiographs[1][..., 1]
    return Batches(images, masks, np.arange(4), 4, seed=1, augment=STRONG)


def trainer_of(augmented=True, **settings):
    wanted = SETTINGS.model_copy(update=settings)
    return make_trainer("unet_densenet121", SIZE, wanted, steps=2, augmented=augmented)


def test_changed_images_can_be_learnt(batches):
    trainer = trainer_of(learning_rate=0.003, image_head=True, image_head_weight=0.2)
    first = None
    for epoch in range(40):
        batches.begin_epoch(epoch)
        figures = trainer.train_on_batch(*batches[0], return_dict=True)
        first = first or float(figures["loss"])
    assert float(figures["loss"]) < first / 2


def test_validation_shows_images_as_they_are(batches):
    trainer = trainer_of()
    given = batches[0][0]
    assert (np.asarray(trainer(given)["truth"])[..., 1:] == given["truth"]).all()
    assert (np.asarray(trainer(given, training=True)["truth"])[..., 1:] != given["truth"]).any()


def test_the_image_head_multiplies_the_map_and_is_part_of_the_saved_network(radiographs, tmp_path):
    network = trainer_of(image_head=True).network
    network.get_layer(IMAGE_HEAD).bias.assign([-20.0])
    found = np.asarray(network(radiographs[0]))
    assert found[..., 1].max() < 1e-6
    assert np.allclose(found.sum(-1), 1)
    network.save(tmp_path / "n.keras")
    loaded = keras.saving.load_model(tmp_path / "n.keras", safe_mode=True)
    assert np.array_equal(np.asarray(loaded(radiographs[0])), found)


def test_the_mean_over_mirror_images_is_the_same_for_an_image_and_its_mirror(radiographs, tmp_path):
    network = build(
        "unet_densenet121", SIZE, encoder="small", encoder_weights="none", batch_norm_momentum=0.9
    )
    both = flip_averaged(network)
    images = radiographs[0]
    found = np.asarray(both(images))
    assert np.allclose(np.asarray(both(images[:, :, ::-1]))[:, :, ::-1], found, atol=1e-6)
    assert not np.allclose(np.asarray(network(images)), found, atol=1e-6)
    both.save(tmp_path / "n.keras")
    loaded = keras.saving.load_model(tmp_path / "n.keras", safe_mode=True)
    assert np.array_equal(np.asarray(loaded(images)), found)


def test_statistics_estimated_anew_are_those_of_the_training_images(radiographs):
    images, masks = radiographs[0][..., 0], radiographs[1][..., 1]
    plain = Batches(images, masks, np.arange(4), 2, seed=1)
    network = trainer_of().network
    norm = network.get_layer("conv1_bn")
    reestimate_batch_norm(network, plain)
    before = keras.Model(network.input, norm.input)
    means = [np.asarray(before(plain[n][0]["pixels"])).mean(axis=(0, 1, 2)) for n in range(2)]
    assert np.allclose(np.asarray(norm.moving_mean), np.mean(means, axis=0), atol=1e-4)
    assert norm.momentum == 0.9


@pytest.mark.usefixtures("eager")
def test_the_moving_average_of_the_weights_is_what_is_kept(batches):
    trainer = trainer_of(average=0.5)
    start = [np.asarray(v).copy() for v in trainer.network.trainable_variables]
    for _ in range(3):
        trainer.train_on_batch(*batches[0])
    kept = {id(v): a for v, a in zip(trainer.network.variables, averaged(trainer), strict=True)}
    apart = [
        (np.asarray(kept[id(v)]), np.asarray(v), first)
        for v, first in zip(trainer.network.trainable_variables, start, strict=True)
    ]
    assert any((mean != value).any() for mean, value, _ in apart)
    near = [np.abs(m - s).sum() <= np.abs(v - s).sum() + 1e-6 for m, v, s in apart]
    assert np.mean(near) > 0.9


def test_the_step_size_warms_up_and_follows_a_cosine():
    wanted = SETTINGS.model_copy(update={"schedule": "cosine", "warmup_epochs": 1, "epochs": 5})
    rate = learning_rate(wanted, steps=10)
    values = [float(rate(step)) for step in (0, 5, 10, 30, 50)]
    assert values == pytest.approx([0, 0.0005, 0.001, 0.0005, 0], abs=1e-6)
    assert learning_rate(SETTINGS, steps=10) == 0.001


@pytest.mark.usefixtures("eager")
def test_half_precision_trains_and_what_is_kept_is_float32(batches):
    trainer = trainer_of(precision="bfloat16", image_head=True, image_head_weight=0.1)
    assert trainer.network.get_layer("conv1_conv").compute_dtype == "bfloat16"
    assert trainer.network.get_layer("head_conv").compute_dtype == "float32"
    assert np.isfinite(float(trainer.train_on_batch(*batches[0])[0]))
    wanted = SETTINGS.model_copy(update={"precision": "bfloat16", "image_head": True})
    kept = finished(trainer, "unet_densenet121", SIZE, wanted, batches)
    assert kept.get_layer("conv1_conv").compute_dtype == "float32"
    for one, other in zip(kept.get_weights(), trainer.network.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_memory_errors_of_either_backend_are_known():
    import tensorflow as tf

    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))
    assert is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory"))
    assert not is_out_of_memory(ValueError("shape"))
