"""Where a version comes from, as its tags, and back: from a hash to the versions made of it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base import git
from pneumo.base.errors import RegistryError
from pneumo.base.files import sha256, sha256_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

HASHES = {
    "pneumo.git_commit": "commit",
    "pneumo.dvc_lock": "dvc.lock",
    "pneumo.data": "data",
    "pneumo.test_set": "test set",
    "pneumo.validation": "validation",
    "pneumo.content": "networks and settings",
    "pneumo.sha256": "files",
}
SHORTEST = 6
"""Digits of a hash that ``trace`` wants, so that chance does not find it."""


def lineage(
    workspace: Path, reports: Path, profile: Mapping[str, Any], evaluation: Mapping[str, Any]
) -> dict[str, str]:
    """Tags that say what a version was made from: commit, ``dvc.lock``, data, validation.

    ``profile`` is that of the prepared data, ``evaluation`` the evaluation's ``metrics.json``.
    """
    lock = workspace / "dvc.lock"
    counts = {name: evaluation.get(name) for name in ("leaked_people", "leaked_images")}
    return {
        "pneumo.git_commit": git.commit_of(workspace),
        "pneumo.dvc_lock": sha256(lock) if lock.exists() else "unknown",
        "pneumo.data": sha256_of(profile["sha256"]),
        "pneumo.size_px": str(profile["size_px"]),
        "pneumo.test_set": evaluation["test_set"],
        **{f"pneumo.{name}": str(count) for name, count in counts.items() if count is not None},
        **_validation(reports / "validation.json"),
    }


def _validation(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {"pneumo.validation": "unknown", "pneumo.validation_success": "unknown"}
    facts = json.loads(path.read_text())["expectations"]
    failed = [f for f in facts if not f["held"] and f["severity"] == "critical"]
    success = "false" if failed else "true"
    return {"pneumo.validation": sha256(path), "pneumo.validation_success": success}


def origin(version: "ModelVersion") -> dict[str, Any]:
    """Runs, commit, ``dvc.lock``, data and validation of a version."""
    tags = version.tags
    networks = json.loads(tags.get("pneumo.networks", "{}"))
    success = {"true": "passed", "false": "FAILED"}.get(tags.get("pneumo.validation_success", ""))
    return {
        "version": str(version.version),
        **{name: tags.get(tag, "unknown") for tag, name in HASHES.items()},
        "validation result": success or "unknown",
        "run": version.run_id,
        "networks": networks,
    }


def made_from(found: "Iterable[ModelVersion]", digest: str) -> list[dict[str, Any]]:
    """The versions with a tag that begins with ``digest``: what it is, and which version.

    RegistryError when the beginning is too short, is no hash, or nothing has it.
    """
    wanted = digest.lower().removesuffix("+")
    if len(wanted) < SHORTEST or set(wanted) - set("0123456789abcdef"):
        raise RegistryError(
            f"{digest!r} is neither a version nor a hash; give a commit, a sha256 of data or "
            f"dvc.lock, or its first {SHORTEST} digits or more"
        )
    rows = [
        {"what": what, "hash": version.tags[tag], "version": str(version.version)}
        for version in found
        for tag, what in HASHES.items()
        if version.tags.get(tag, "").startswith(wanted)
    ]
    if not rows:
        raise RegistryError(f"no version was made from anything whose hash begins with {digest}")
    return rows
