import os

import numpy as np
import pytest

from pneumo.base.errors import PneumoError, RegistryError
from pneumo.engines import int8
from pneumo.engines.choose import open_engine
from pneumo.engines.openvino import OpenVinoEngine
from pneumo.engines.package import INT8, Package
from tests.packages import pictures

import openvino.opset16 as op  # isort: skip  # after the engines, which silence it
from openvino import Core, Model, PartialShape, Type, save_model  # isort: skip

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow]


@pytest.fixture(scope="module")
def quantised(package_folder, cache_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        yield int8.quantised(Package(package_folder), pictures(24, seed=5))


def test_a_quantised_ensemble_answers_nearly_as_before_and_is_half_its_size(
    package_folder, quantised
):
    package = Package(package_folder)
    exact = open_engine(package, "openvino")
    engine = open_engine(package, "openvino", precision="int8", quantised=quantised)
    assert (engine.precision, engine.size_px) == ("int8", 32)
    some = pictures(40, seed=3)
    (maps, apart), (right, right_apart) = engine.answers(some), exact.answers(some)
    assert 1e-5 < np.abs(maps - right).mean() < 0.03
    assert 1e-6 < np.abs(apart - right_apart).max() < 0.03
    weights = (quantised / INT8[1]).stat().st_size
    assert weights < 0.5 * sum((package.folder / f"{n}.keras").stat().st_size
                               for n in package.networks)  # fmt: skip


def test_the_first_and_last_layers_stay_in_float32_and_the_rest_does_not(package_folder, quantised):
    model = int8.read(Package(package_folder), quantised)
    rounded = {True: [], False: []}
    for node in model.get_ops():
        if node.get_type_name() == "Convolution":
            weights = node.input_value(1)
            by = weights.get_node().get_type_name()  # of the scales, where they are in 8 bits
            outermost = weights.shape[0] <= 2 or weights.shape[1] == 3
            rounded[outermost].append(by == "Multiply")
    assert set(rounded[True]) == {False}
    assert set(rounded[False]) == {True}


def test_a_graph_in_int8_of_before_says_nothing_of_disagreement(package_folder, tmp_path):
    taken = image()
    save_model(graph(op.multiply(as_float(taken), np.float32(1 / 256)), taken), tmp_path / INT8[0])
    package, some = Package(package_folder), pictures(5)
    found = OpenVinoEngine(package, 4, "int8", tmp_path).answers(some)
    np.testing.assert_array_equal(found.maps, some / 256)
    assert np.isnan(found.disagreement).all()


def test_the_same_pictures_quantise_once(package_folder, quantised, monkeypatch):
    monkeypatch.setattr(int8, "_quantise", lambda *_: pytest.fail("quantised again"))
    assert int8.quantised(Package(package_folder), pictures(24, seed=5)) == quantised


def test_a_graph_in_int8_that_other_code_made_is_not_taken_up(
    package_folder, quantised, monkeypatch
):
    monkeypatch.setattr(int8, "code_sum", lambda module: {int8.__name__: "another"}[module])
    made = []
    monkeypatch.setattr(int8, "_quantise", lambda *those: made.append(those[-1]))
    assert int8.quantised(Package(package_folder), pictures(24, seed=5)) != quantised
    assert len(made) == 1


def test_without_nncf_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(int8, "find_spec", lambda _: None)
    with pytest.raises(PneumoError, match=r"install pneumo\[int8\]"):
        int8.require()


def graph(found, taken):
    results = found if isinstance(found, list) else [found]
    return Model([op.result(result) for result in results], [taken], "graph")


def image(side=32, kind=Type.u8):
    return op.parameter(PartialShape([-1, side, side]), kind)


def as_float(taken):
    return op.convert(taken, Type.f32)


def cells(taken):
    parts = op.constant(np.array([0, 16, 2, 16, 2], np.int64))
    return op.reduce_mean(
        op.reshape(as_float(taken), parts, True), op.constant(np.array([2, 4], np.int64))
    )


def counted(taken):
    """A loop: none of the operations of a network."""
    inside = op.parameter([1], Type.f32)
    body = Model([inside, op.constant(np.bool_(True))], [inside], "body")
    loop = op.loop(op.constant(np.int64(9)), op.constant(np.bool_(True)))
    loop.set_function(body)
    loop.set_special_body_ports([-1, 1])
    start = op.constant(np.zeros(1, np.float32))
    loop.set_merged_input(inside, start.output(0), body.results[0].output(0))
    found = loop.get_iter_value(body.results[0].output(0), -1)
    return op.add(as_float(taken), found)


def huge(taken):
    shape = op.constant(np.array([2**20, 2**20], np.int64))
    wide = op.broadcast(op.constant(np.float32(1)), shape)
    whole = op.reduce_mean(wide, op.constant(np.array([0, 1], np.int64)), False)
    return op.add(as_float(taken), whole)


def skipped_to_a_decoder(taken):
    """Values of a skip that are a thousand times those which they meet, and count as much."""
    chance, one = np.random.default_rng(1), op.constant(np.int64(1))

    def layer(values, weights):
        weights = op.constant(np.array(weights, np.float32)[..., None, None])
        return op.convolution(values, weights, [1, 1], [0, 0], [0, 0], [1, 1])

    values = op.multiply(op.unsqueeze(as_float(taken), one), op.constant(np.float32(1 / 255)))
    skip = op.relu(layer(values, chance.standard_normal((16, 1)) * 1000))
    decoded = op.relu(layer(layer(values, np.ones((16, 1))), chance.standard_normal((16, 16))))
    weights = chance.standard_normal((8, 32)) / ([1000] * 16 + [1] * 16)
    met = op.relu(layer(op.concat([skip, decoded], 1), weights))
    return op.squeeze(op.sigmoid(layer(met, [[1, -1] * 4])), one)


def test_a_skip_whose_values_are_larger_by_far_leaves_the_decoder_its_own(tmp_path):
    taken, some = image(), pictures(40, seed=3)
    save_model(graph(skipped_to_a_decoder(taken), taken), tmp_path / "exact.xml",
               compress_to_fp16=False)  # fmt: skip
    int8._quantise(tmp_path / "exact.xml", pictures(24, seed=5), tmp_path)
    found, right = (
        Core().compile_model(tmp_path / name, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([some])[0]
        for name in (INT8[0], "exact.xml")
    )
    assert right.std() > 0.1
    assert 1e-5 < np.abs(found - right).mean() < 0.01


@pytest.mark.parametrize(
    ("build", "taken", "fault"),
    [
        (as_float, image(), ""),
        (as_float, image(kind=Type.f32), "has other inputs and outputs"),
        (as_float, op.parameter(PartialShape([-1, 32, 31]), Type.u8), "takes no square pictures"),
        (as_float, op.parameter(PartialShape.dynamic(), Type.u8), "takes no square pictures"),
        (lambda taken: [as_float(taken), cells(taken)], image(), ""),
        (lambda taken: [as_float(taken)] * 2, image(), "has other inputs and outputs"),
        (lambda taken: [as_float(taken), cells(taken)] * 2, image(), "has other inputs"),
        (lambda taken: op.sin(as_float(taken)), image(), "computes Sin"),
        (counted, image(), "computes Loop"),
        (huge, image(), "computes values that are larger"),
    ],
)
def test_a_graph_that_is_no_ensemble_is_not_compiled(build, taken, fault):
    found = int8.fault_of(graph(build(taken), taken))
    assert found.startswith(fault)
    assert bool(found) == bool(fault)


ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><net/>'


@pytest.mark.parametrize(
    ("text", "said"), [(ENTITY, "declares what no graph needs"), (b"<net", "cannot be read")]
)
def test_a_file_that_is_no_graph_is_refused(package_folder, tmp_path, text, said):
    for name, content in zip(INT8, (text, b""), strict=True):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RegistryError, match=said):
        int8.read(Package(package_folder), tmp_path)


@pytest.mark.parametrize(("number", "size"), [(0, int8.LARGEST_GRAPH_BYTES + 1), (1, 2**30)])
def test_a_file_that_is_larger_than_a_graph_is_not_opened(package_folder, tmp_path, number, size):
    for name in INT8:
        (tmp_path / name).write_bytes(b"")
    os.truncate(tmp_path / INT8[number], size)
    with pytest.raises(RegistryError, match="is larger than its networks"):
        int8.read(Package(package_folder), tmp_path)


def test_a_graph_whose_weights_end_early_is_refused(package_folder, tmp_path):
    taken = image()
    save_model(graph(op.add(as_float(taken), op.constant(np.ones((32, 32), np.float32))), taken),
               tmp_path / INT8[0])  # fmt: skip
    (tmp_path / INT8[1]).write_bytes(b"\0" * 8)
    with pytest.raises(RegistryError, match="cannot be read"):
        int8.read(Package(package_folder), tmp_path)
