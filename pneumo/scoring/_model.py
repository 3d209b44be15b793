"""Which ensemble scores: a registered version, fetched once and kept by its sum, or a folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError, PneumoError, RegistryError
from pneumo.base.safe import printable
from pneumo.engines import cache
from pneumo.engines.package import MANIFEST, Package
from pneumo.engines.processor import processor
from pneumo.intake.profile import PROFILE, Profile, read_profile
from pneumo.registry.precisions import INT8, kept
from pneumo.workflow import CHAMPION_MODEL

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

NAME = re.compile(r"models:/(?P<name>[\w.-]+)(?:/(?P<version>\d+)|@(?P<alias>[\w.-]+))")


@dataclass(frozen=True)
class Model:
    """An ensemble whose files are here; ``version`` is 0 for one that comes from a folder."""

    uri: str
    version: int
    package: Package
    agreement: Mapping[str, Any]
    """What was measured of each precision: see ``registry/precisions.py``."""

    @property
    def digest(self) -> str:
        """The sum that names the ensemble."""
        return self.package.digest

    def profile(self) -> Profile | None:
        """What was usual at its registration; None for one of before. RegistryError."""
        if PROFILE not in self.package.sums:
            return None
        try:
            return read_profile(self.package.file(PROFILE))
        except DataError as error:
            raise RegistryError(f"{self.uri}: {error}") from None

    def quantised(self) -> Path:
        """The folder of its graph in int8, fetched once and kept by its sum. RegistryError."""
        from pneumo.registry import store
        from pneumo.registry.graphs import graph_in_int8

        digest = str(self.agreement[INT8].get("sha256"))

        def registered() -> "tuple[MlflowClient, ModelVersion]":
            server = store.connect()
            return server, store.version_of(server, str(self.version))

        return graph_in_int8(digest, registered)


def open_model(uri: str) -> Model:
    """The ensemble that ``uri`` names, every file of it checked against its manifest.

    ``uri`` is ``models:/pneumonia-ensemble/7``, ``models:/pneumonia-ensemble@champion``, or a
    folder with a registered ensemble's files. Raises PneumoError when there is none, RegistryError
    when a file is not the registered one, ServiceError when there is no server.
    """
    if found := NAME.fullmatch(uri):
        return _registered(**found.groupdict())
    folder = Path(uri)
    if not (folder / MANIFEST).is_file():
        raise PneumoError(
            f"{printable(uri)}: is neither a registered ensemble, such as {CHAMPION_MODEL}, nor a "
            f"folder with a {MANIFEST}"
        )
    package = Package(folder)
    package.check()
    return Model(str(folder), 0, package, {})


def _registered(name: str, version: str | None, alias: str | None) -> Model:
    from pneumo.registry import store

    server = store.connect()
    if name != store.ENSEMBLE:
        raise PneumoError(f"{name}: is no ensemble; give models:/{store.ENSEMBLE}/VERSION")
    found = store.version_of(server, version) if version else _at(server, alias or "")
    digest = found.tags.get(store.SUM, "")
    where = f"{name} version {found.version}"

    def fetch(aside: Path) -> None:
        store.fetch_ensemble(server, found, aside).folder.rename(aside / "package")

    def holds(path: Path) -> bool:
        try:
            Package(path / "package", where, digest).check()
        except RegistryError:
            return False
        return True

    folder = cache.kept("ensembles", digest or where, fetch, holds) / "package"
    package = Package(folder, where, digest)
    agreement = kept(found.tags, processor())
    return Model(f"models:/{name}/{found.version}", int(found.version), package, agreement)


def _at(server: Any, alias: str) -> "ModelVersion":
    from pneumo.registry import store

    found = store.version_at(server, alias)
    if found is None:
        raise RegistryError(
            f"{store.ENSEMBLE} has no {alias} yet; run `airflow dags trigger pneumonia_train`"
        )
    return found
