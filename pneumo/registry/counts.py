"""What a version showed on its test people."""

from typing import TYPE_CHECKING

from pneumo.base.errors import RegistryError
from pneumo.evaluation.counts import Counts, counts_by_view
from pneumo.registry import store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


def registered_counts(server: "MlflowClient", version: "ModelVersion") -> dict[str, Counts]:
    """``all`` test people, and those of each view, AP and PA.

    From the table of cases that is kept with the version. RegistryError where there is none.
    """
    cases = store.cases_of(server, version, version.tags.get("pneumo.test_set", ""))
    if cases is None:
        raise RegistryError(
            f"{version.name} version {version.version}: its table of cases is not kept, or was "
            f"changed; run `pneumo registry promote {version.version}`"
        )
    return counts_by_view(cases)
