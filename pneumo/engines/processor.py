"""Which processor computes here: figures of one are not believed on another."""

from pneumo.base.cpu import cpu_flags
from pneumo.engines import _silence  # noqa: F401

import openvino  # isort: skip  # after silence

INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "VNNI",
    "avx512_fp16": "FP16",
    "amx_tile": "AMX",
}
"""Linux's words for what decides how a graph is computed, and ours; OpenVINO says of bfloat16."""


def processor() -> str:
    """The name of this machine's processor, and its instructions: ``AMD EPYC (AVX2)``.

    The name alone is not enough: virtual machines may call generations alike of which some multiply
    in bfloat16 and some do not.
    """
    flags = cpu_flags()
    name = str(openvino.Core().get_property("CPU", "FULL_DEVICE_NAME"))
    known = [ours for theirs, ours in INSTRUCTIONS.items() if theirs in flags]
    known += ["BF16"] if multiplies_in_bfloat16() else []
    return f"{name} ({', '.join(known)})" if known else name


def multiplies_in_bfloat16() -> bool:
    """Whether the processor has products in bfloat16, by OpenVINO.

    Elsewhere OpenVINO takes float32 when it is asked for bfloat16, or many slow steps.
    """
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def why_not_in(precision: str) -> str:
    """Why this processor cannot compute in a precision; blank: it can."""
    if precision not in ("bfloat16", "mixed") or multiplies_in_bfloat16():
        return ""
    return f"{processor()} does not multiply in bfloat16"
