"""Whose figures are believed: a processor is its name and what it computes with."""

import pytest

from pneumo.base import cpu
from pneumo.engines import processor as module
from pneumo.engines.openvino import hint, openvino
from pneumo.engines.processor import multiplies_in_bfloat16, processor

ROME = "fpu sse2 avx2 fma"
GENOA = f"{ROME} avx512f avx512_vnni"
LIST = "processor\t: {}\nmodel name\t: amx_tile\nflags\t\t: {}\n\n"


@pytest.mark.parametrize(
    ("flags", "has_bfloat16", "said"),
    [
        (ROME, False, " (AVX2)"),
        (GENOA, True, " (AVX2, AVX512, VNNI, BF16)"),
        ("fpu", False, ""),
        (None, False, ""),
        (None, True, " (BF16)"),
    ],
)
def test_one_name_of_two_generations_is_told_apart_by_instructions(
    monkeypatch, tmp_path, flags, has_bfloat16, said
):
    name = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    monkeypatch.setattr(cpu, "FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(module, "multiplies_in_bfloat16", lambda: has_bfloat16)
    if flags is not None:
        cpu.FACTS.write_text("".join(LIST.format(number, flags) for number in range(2)))
    assert processor() == name + said


def test_openvino_takes_bfloat16_where_it_is_said_to():
    core = openvino.Core()
    pixels = openvino.opset13.parameter([1, 8], openvino.Type.f32)
    model = openvino.Model([openvino.opset13.relu(pixels)], [pixels])
    asked = {hint.inference_precision: openvino.Type.bf16}
    taken = core.compile_model(model, "CPU", asked).get_property(hint.inference_precision)
    if multiplies_in_bfloat16():
        assert taken == openvino.Type.bf16
    elif "avx512f" not in cpu.cpu_flags():  # which can, slowly, by steps in float32
        assert taken == openvino.Type.f32
