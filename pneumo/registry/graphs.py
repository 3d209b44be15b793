"""A version's graph in int8: fetched once from the registry, and kept in the cache by its sum."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base.errors import RegistryError
from pneumo.base.safe import printable
from pneumo.engines import cache
from pneumo.engines.package import digest_of_int8
from pneumo.registry import store
from pneumo.registry.precisions import SUM

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


def graph_in_int8(digest: str, at: "Callable[[], tuple[MlflowClient, ModelVersion]]") -> Path:
    """The folder of the graph that ``digest`` names; ``at`` says where it is, if it must be asked.

    RegistryError when it is not the registered one, ServiceError when it cannot be had.
    """
    if not SUM.fullmatch(digest):
        raise RegistryError(
            f"{printable(digest)[:80]}: no sum of a graph in int8, but a tag says so"
        )

    def fetch(aside: Path) -> None:
        server, version = at()
        store.fetch_graph(server, version, digest, aside)

    def holds(path: Path) -> bool:
        try:
            return digest_of_int8(path) == digest
        except OSError:
            return False

    return cache.kept("int8", digest, fetch, holds)
