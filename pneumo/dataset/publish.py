"""Put the Data Docs of valid data where they stay, and say which data they are about."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from pneumo.base.errors import DataError
from pneumo.base.files import whole

COUNTS = ("images", "positive", "people", "people_known")


def publish(reports: Path, published: Path, root: Path, lock: Path = Path("dvc.lock")) -> dict:
    """Copy ``reports/data_docs`` to a folder of ``published`` that is named by the data's hash.

    Returns what an Airflow Asset event carries: the data's root and hash as DVC knows them,
    counts, the number of warnings, and where the docs are. Raises DataError when there is no
    validation, or a critical rule failed.
    """
    result = _read(reports / "validation.json")
    failed = [fact["severity"] for fact in result["expectations"] if not fact["held"]]
    if "critical" in failed:
        raise DataError(f"{root}: is not valid; see {reports / 'data_docs/index.html'}")
    data = data_hash(root, lock)
    docs = published / data.removesuffix(".dir")
    with whole(docs) as aside:
        copytree(reports / "data_docs", aside)
    print(f"{root}: valid; Data Docs in {docs / 'index.html'}")
    return {
        "root": str(root),
        "md5": data,
        **{name: result[name] for name in COUNTS},
        "warnings": failed.count("warning"),
        "docs": str(docs / "index.html"),
    }


def data_hash(root: Path, lock: Path) -> str:
    """The hash of ``root`` with which ``dvc.lock`` records the last validation."""
    try:
        deps: list[dict[str, Any]] = yaml.safe_load(lock.read_text())["stages"]["validate"]["deps"]
        return str(next(dep["md5"] for dep in deps if dep["path"] == root.as_posix()))
    except (OSError, KeyError, TypeError, StopIteration, yaml.YAMLError):
        raise DataError(
            f"{lock}: knows no validation of {root}; run `dvc repro validate`"
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}; run `dvc repro validate`") from None
    return result
