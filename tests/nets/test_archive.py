import zipfile

import keras
import pytest

from pneumo.base.files import sha256
from pneumo.nets.archive import save_network
from pneumo.nets.build import build


def saved(path, seed):
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    network = build(
        "unet_vgg19", 32, encoder="small", encoder_weights="none", batch_norm_momentum=0.9
    )
    save_network(network, path)
    return sha256(path)


def test_the_same_network_gives_the_same_bytes_and_another_gives_others(tmp_path):
    first = saved(tmp_path / "a.keras", 1)
    assert saved(tmp_path / "b.keras", 1) == first
    assert saved(tmp_path / "c.keras", 2) != first


@pytest.mark.parametrize("secret", [b'shared_object_id": 1' + b"0" * 6])
def test_the_archive_holds_no_date_and_no_addresses(tmp_path, secret):
    saved(tmp_path / "a.keras", 1)
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01" in archive.read("metadata.json")
        assert secret not in archive.read("config.json")


def test_nothing_is_left_beside_the_archive(tmp_path):
    saved(tmp_path / "a.keras", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.keras"]
