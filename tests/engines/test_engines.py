import json
import subprocess
import sys

import numpy as np
import pytest

from pneumo.base.errors import PneumoError
from pneumo.engines import processor
from pneumo.engines.choose import choose, open_engine
from pneumo.engines.graphs import graph
from pneumo.engines.keras import load
from pneumo.engines.mixed import unsure_of
from pneumo.engines.openvino import hint, openvino
from pneumo.engines.package import Package
from pneumo.engines.processor import multiplies_in_bfloat16
from tests.ensembles import save_network
from tests.packages import ENSEMBLE, needs_bfloat16, pictures, sum_up, with_image_threshold

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow]


@pytest.fixture(scope="module")
def by_keras(package_folder):
    return open_engine(Package(package_folder), "tensorflow").probabilities(pictures(40, seed=3))


def test_openvino_gives_the_probabilities_of_keras(package_folder, by_keras):
    engine = open_engine(Package(package_folder), "openvino")
    found = engine.probabilities(pictures(40, seed=3))
    assert found.shape == (40, 32, 32)
    assert found.dtype == np.float32
    assert by_keras.std() > 0.01
    np.testing.assert_allclose(found, by_keras, atol=2e-5)


def test_every_engine_says_how_far_its_networks_are_apart(package_folder):
    package, some = Package(package_folder), pictures(12, seed=3)
    networks = [load(package, name) for name in package.networks]
    planes = np.stack([network.predict_on_batch(some[..., None]) for network in networks])
    planes, shares = planes[..., 1].astype(float), list(package.networks.values())
    mean = np.average(planes, axis=0, weights=shares)
    each = np.sqrt(np.average((planes - mean) ** 2, axis=0, weights=shares))
    cells = each.reshape(12, 16, 2, 16, 2).mean(axis=(2, 4)).reshape(12, 256)
    right = np.sort(cells)[:, -5:].mean(axis=1)
    assert np.ptp(right) > 0.005
    engines = [(open_engine(package, "openvino"), 2e-5), (open_engine(package, "tensorflow"), 1e-6)]
    if multiplies_in_bfloat16():
        engines.append((open_engine(package, "openvino", precision="bfloat16"), 0.01))
    for engine, within in engines:
        np.testing.assert_allclose(engine.answers(some).disagreement, right, atol=within)


def test_the_second_output_changes_no_bit_of_the_first(tmp_path):
    shares = {"a": 0.204, "b": 0.031, "c": 0.329, "d": 0.436}
    for number, member in enumerate(shares):
        save_network(tmp_path / f"{member}.keras", 90 + 20 * number, convolves=True)
    (tmp_path / "ensemble.json").write_text(json.dumps(ENSEMBLE | {"weights": shares}))
    sum_up(tmp_path)
    core, path = openvino.Core(), graph(Package(tmp_path))
    both, alone = core.read_model(path), core.read_model(path)
    alone = openvino.Model([alone.get_results()[0]], alone.get_parameters())
    for kind in (openvino.Type.f32, openvino.Type.bf16):
        maps = []
        for model in (both, alone):
            model.reshape([8, 32, 32])
            run = core.compile_model(model, "CPU", {hint.inference_precision: kind})
            maps.append(run([pictures(8)])[0])
        assert maps[0].tobytes() == maps[1].tobytes()


@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
def test_a_network_alone_disagrees_with_nobody(tmp_path, name):
    for number, member in enumerate(("a", "b")):
        save_network(tmp_path / f"{member}.keras", 100 + 50 * number, convolves=True)
    weights = {"weights": {"a": 1.0, "b": 0.0}}
    (tmp_path / "ensemble.json").write_text(json.dumps(ENSEMBLE | weights))
    sum_up(tmp_path)
    found = open_engine(Package(tmp_path), name).answers(pictures(3))
    assert found.maps.std() > 0.1
    assert found.disagreement.tolist() == [0.0, 0.0, 0.0]


@needs_bfloat16
def test_bfloat16_is_taken_only_when_it_is_asked_for(package_folder, by_keras):
    engine = open_engine(Package(package_folder), "openvino", precision="bfloat16")
    gap = np.abs(engine.probabilities(pictures(40, seed=3)) - by_keras).mean()
    assert 1e-4 < gap < 0.02


@pytest.mark.parametrize("precision", ["bfloat16", "mixed"])
def test_bfloat16_is_refused_where_a_processor_does_not_multiply_in_it(
    package_folder, monkeypatch, precision
):
    monkeypatch.setattr(processor, "multiplies_in_bfloat16", lambda: False)
    with pytest.raises(PneumoError, match="does not multiply in bfloat16; take float32"):
        open_engine(Package(package_folder), "openvino", precision=precision)


@needs_bfloat16
def test_mixed_answers_in_float32_where_bfloat16_is_unsure_what_is_called(package_folder, tmp_path):
    package = Package(with_image_threshold(package_folder, tmp_path / "package", 0.23))
    some = pictures(40, seed=3)
    quick, exact, mixed = (
        open_engine(package, "openvino", precision=precision).answers(some)
        for precision in ("bfloat16", "float32", "mixed")
    )
    unsure = np.array(unsure_of(package.ensemble, quick.maps, some))
    assert 5 < unsure.sum() < 35
    for found, fast, slow in zip(mixed, quick, exact, strict=True):
        assert found[unsure].tobytes() == slow[unsure].tobytes()
        assert found[~unsure].tobytes() == fast[~unsure].tobytes()
        assert fast.tobytes() != slow.tobytes()


@pytest.mark.parametrize("precision", ["float32", pytest.param("mixed", marks=needs_bfloat16)])
def test_a_picture_gets_the_same_bytes_in_any_batch_and_place(package_folder, precision):
    engine = open_engine(Package(package_folder), "openvino", batch_size=4, precision=precision)
    some = pictures(11)
    whole = engine.probabilities(some)
    alone = np.concatenate([engine.probabilities(some[n : n + 1]) for n in range(11)])
    assert whole.tobytes() == alone.tobytes()


def test_a_stream_gives_every_batch_back_in_order_beside_its_tag(package_folder):
    engine = open_engine(Package(package_folder), "openvino", batch_size=4)
    some = pictures(22)
    batches = [(n, some[n : n + 4]) for n in range(0, 22, 4)]
    found = list(engine.stream(iter(batches)))
    assert [tag for tag, _ in found] == [0, 4, 8, 12, 16, 20]
    whole = engine.answers(some)
    for number in range(2):
        parts = np.concatenate([answers[number] for _, answers in found])
        assert parts.tobytes() == whole[number].tobytes()


def test_a_process_that_scores_with_openvino_loads_neither_keras_nor_tensorflow(package_folder):
    open_engine(Package(package_folder), "openvino")  # the graph is in the cache now
    program = """
import sys
from pathlib import Path
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
open_engine(Package(Path(sys.argv[1])), "openvino")
print(*sys.modules)
"""
    command = [sys.executable, "-c", program, str(package_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "openvino" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "mlflow", "openvino_telemetry.main"}
    assert "converting" not in done.stderr


def test_without_a_gpu_openvino_is_the_engine_and_with_one_tensorflow(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert choose() == "openvino"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert choose() == "tensorflow"


def test_an_unknown_engine_is_refused(package_folder):
    with pytest.raises(PneumoError, match="engine torch: is not installed"):
        open_engine(Package(package_folder), "torch")
