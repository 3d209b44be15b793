"""What an evaluation comes from: sums of its data, networks, choice and code.

The same inputs give the same sums, wherever and whenever it runs; so no commit and no date is here.
``dvc.lock`` holds them beside the sums of the code.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pneumo.base.code import code_sum
from pneumo.base.files import sha256, sha256_of
from pneumo.prepared.format import Prepared


def origin(
    data: Prepared,
    networks: Path,
    models: Sequence[str],
    tuned: Path,
    code: str,
) -> dict[str, Any]:
    """Sums and sizes for the report and the model card; ``code`` names the stage."""
    return {
        "data": sha256_of(data.profile["sha256"]),
        "test_set": data.profile["test_set"],
        "size_px": data.size_px,
        "splits": {
            split: {kind: data.profile[kind][split] for kind in ("images", "people", "positive")}
            for split in ("train", "validation", "test")
        },
        "networks": {name: sha256(networks / name / "probabilities.npy") for name in models},
        "choice": sha256(tuned),
        "code": code_sum(code),
        "version": version("pneumo"),
    }
