"""What an evaluation comes from: sums of its data, networks, choice and settings.

The same inputs give the same sums, wherever and whenever it runs; so no commit and no date is here.
``dvc.lock`` holds them beside the sums of the code.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pneumo.files import sha256, sha256_of
from pneumo.prepared import Prepared


def origin(
    data: Prepared,
    networks: Path,
    models: Sequence[str],
    tuned: Path,
    code: ModuleType,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Sums, sizes and ``settings`` for the report and the model card; ``code`` is the stage."""
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
        "code": sha256_of(code_sums(code)),
        "version": version("pneumo"),
        "settings": dict(settings),
    }


def code_sums(module: ModuleType) -> dict[str, str]:
    """Name -> sha256 of ``module`` and of the package's modules whose names it, or they, use."""
    found: dict[str, str] = {}
    waiting = [module.__name__]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = sha256(Path(str(sys.modules[name].__file__)))
            waiting += {_home(value) for value in vars(sys.modules[name]).values()} - {""}
    return found


def _home(value: Any) -> str:
    """The module of the package that a function, class or module is of; empty for others."""
    if not isinstance(value, FunctionType | ModuleType | type):
        return ""
    name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    return name if name.startswith("pneumo.") else ""
