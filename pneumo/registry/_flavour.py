"""A flavour for MLflow: a ``.keras`` file that is there already, as ``mlflow.keras`` lays it out.

MLflow's own takes a loaded network and saves it anew, to other bytes.
"""

from importlib.metadata import version as installed
from pathlib import Path
from shutil import copyfile

from mlflow import pyfunc
from mlflow.models import Model, ModelSignature

REQUIREMENTS = [f"{name}=={installed(name)}" for name in ("keras", "numpy")]
"""What MLflow's tools may fetch by name; ``pneumo`` on a public index may be a stranger's."""


def save_model(path: str, mlflow_model: Model, file: Path, signature: ModelSignature) -> None:
    """Lay out a ``.keras`` file as ``mlflow.keras.load_model`` expects, byte for byte."""
    folder = Path(path)
    (folder / "data").mkdir(parents=True)
    copyfile(file, folder / "data" / "model.keras")
    (folder / "data" / "keras_module.txt").write_text("keras")
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS))
    mlflow_model.signature = signature
    mlflow_model.add_flavor(
        "keras",
        data="data",
        keras_version=installed("keras"),
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    pyfunc.add_to_model(mlflow_model, loader_module="mlflow.keras")
    mlflow_model.save(str(folder / "MLmodel"))
