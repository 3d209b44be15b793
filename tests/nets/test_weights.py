import keras
import numpy as np
import pytest

from pneumo.base.errors import PneumoError
from pneumo.nets.encoders import ENCODERS
from pneumo.nets.weights import copy_by_name, load_encoder_weights


def vgg(size="small"):
    return ENCODERS["vgg19"][size](32, momentum=0.9)


def test_weights_of_the_same_encoder_come_back_from_a_file(tmp_path):
    taught, fresh = vgg(), vgg()
    taught.save_weights(tmp_path / "vgg.weights.h5")
    load_encoder_weights(fresh, str(tmp_path / "vgg.weights.h5"))
    for one, other in zip(taught.weights, fresh.weights, strict=True):
        assert (np.asarray(one) == np.asarray(other)).all()


def test_a_missing_file_says_what_to_set():
    with pytest.raises(PneumoError, match=r"gone\.weights\.h5: no such file.*encoder_weights"):
        load_encoder_weights(vgg(), "gone.weights.h5")


def test_an_encoder_of_which_a_folder_has_none_begins_from_scratch(tmp_path, capsys):
    resnet = ENCODERS["resnet152"]["small"](32, momentum=0.9)
    resnet.save_weights(tmp_path / "resnet152.weights.h5")
    encoder = vgg()
    before = encoder.get_weights()
    assert not load_encoder_weights(encoder, str(tmp_path))
    assert all((a == b).all() for a, b in zip(before, encoder.get_weights(), strict=True))
    [line] = capsys.readouterr().out.splitlines()
    assert line == f"vgg19: begins from scratch, {tmp_path} has no vgg19.weights.h5"
    assert load_encoder_weights(resnet, str(tmp_path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("named", ["", "vgg19.weights.h5"], ids=["folder", "file"])
def test_a_folder_of_no_encoder_and_a_file_that_is_not_there_are_refused(named, tmp_path):
    (tmp_path / "notes.txt").touch()
    if named:
        (tmp_path / "resnet152.weights.h5").touch()
    with pytest.raises(PneumoError, match=r"vgg19\.weights\.h5: no such file"):
        load_encoder_weights(vgg(), str(tmp_path / named))


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.keras").touch()
    with pytest.raises(PneumoError, match=r"must end in \.weights\.h5"):
        load_encoder_weights(vgg(), str(tmp_path / "model.keras"))


def test_weights_of_another_encoder_do_not_fit(tmp_path):
    path = tmp_path / "dense.weights.h5"
    ENCODERS["densenet121"]["small"](32, momentum=0.9).save_weights(path)
    with pytest.raises(PneumoError, match="does not fit this vgg19"):
        load_encoder_weights(vgg(), str(path))


def test_a_torn_file_does_not_fit(tmp_path):
    path = tmp_path / "torn.weights.h5"
    vgg().save_weights(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(PneumoError, match="does not fit this vgg19"):
        load_encoder_weights(vgg(), str(path))


def test_a_failed_download_says_what_would_do(monkeypatch):
    def offline(**_):
        raise Exception("URL fetch failure on https://storage.googleapis.com")

    monkeypatch.setattr(keras.applications, "VGG19", offline)
    with pytest.raises(PneumoError, match=r"cannot be downloaded.*encoder_weights to none"):
        load_encoder_weights(vgg(), "imagenet")


def test_imagenet_weights_do_not_fit_a_small_encoder():
    published = keras.applications.VGG19(weights=None, include_top=False)
    with pytest.raises(PneumoError, match="fit the full encoder only"):
        copy_by_name(published, vgg())


def test_imagenet_weights_are_copied_by_name(monkeypatch):
    published = keras.applications.VGG19(weights=None, include_top=False)
    monkeypatch.setattr(keras.applications, "VGG19", lambda **_: published)
    encoder = vgg("full")
    load_encoder_weights(encoder, "imagenet")
    for layer in published.layers:
        for one, other in (
            zip(layer.get_weights(), encoder.get_layer(layer.name).get_weights(), strict=True)
            if layer.weights
            else ()
        ):
            assert (one == other).all()
