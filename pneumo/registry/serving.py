"""The ensemble for MLflow's own serving tools: a base64 DICOM, PNG or JPEG file in, boxes out.

MLflow runs this file when somebody serves the registered ensemble; ``pneumo score`` does not.
"""

import base64
import binascii
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    from pneumo.dicom import Square

COLUMN = "dicom_base64"
MOST = 64
"""Radiographs of one request."""


class PneumoniaModel(PythonModel):
    """Finds opacities on the radiographs of a table with the column ``dicom_base64``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Check every file that was registered and open the engine that fits the machine."""
        try:
            from pneumo.engines.choose import open_engine
            from pneumo.engines.package import Package
        except ModuleNotFoundError as error:
            raise MlflowException(
                f"{error}: install pneumo, from a checkout of its repository at the version's tag "
                "pneumo.git_commit, where the ensemble is served (--env-manager local)"
            ) from None

        package = Package(Path(context.artifacts["ensemble"]))
        package.check()
        self.engine, self.ensemble = open_engine(package, batch_size=1), package.ensemble

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """One row per radiograph: the image-level ``probability``, ``boxes`` as JSON, ``notes``.

        Raises MlflowException, which becomes status 400 with its message, for a row that is no
        radiograph.
        """
        if not 0 < len(model_input) <= MOST:
            raise refusal(
                f"a request takes 1 to {MOST} radiographs; this one has {len(model_input)}"
            )
        return pd.DataFrame([self._find(square) for square in self._read(model_input[COLUMN])])

    def _read(self, texts: "pd.Series[str]") -> "list[Square]":
        """Radiographs read in a worker process with limits, as files that nobody vouches for."""
        from pneumo.dicom import Square
        from pneumo.dicom.workers import read_squares

        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"row {number}" for number in range(len(texts))]
            for path, text in zip(paths, texts, strict=True):
                path.write_bytes(decoded(text, path.name))
            answers = list(read_squares(paths, self.engine.size_px, workers=1))
        squares = [answer for answer in answers if isinstance(answer, Square)]
        for path, answer in zip(paths, answers, strict=True):
            if not isinstance(answer, Square):
                said = answer.message.replace(f"{path}", path.name)
                raise refusal(f"{said} ({answer.reason})")
        return squares

    def _find(self, square: "Square") -> dict[str, Any]:
        (probability,) = self.engine.probabilities(square.pixels[None])
        boxes = [asdict(box) for box in self.ensemble.boxes(probability, square.frame)]
        return {
            "probability": float(self.ensemble.level(probability)),
            "boxes": json.dumps(boxes),
            "notes": ";".join(square.facts.notes),
        }


def decoded(text: str, where: str) -> bytes:
    """The bytes of a base64 text."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise refusal(f"{where}: {COLUMN} is not base64 ({error})") from None


def refusal(message: str) -> MlflowException:
    """What MLflow's server answers with status 400 and ``message``."""
    return MlflowException(message, error_code=BAD_REQUEST)


set_model(PneumoniaModel())
