"""The ensemble for MLflow's own serving tools: a base64 DICOM file in, boxes out.

MLflow runs this file when somebody serves the registered ensemble; ``pneumo score`` does not.
"""

import base64
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext


class PneumoniaModel(PythonModel):
    """Finds opacities on the radiographs of a table with the column ``dicom_base64``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the networks that were registered."""
        from pneumo.engines.keras import KerasEngine
        from pneumo.engines.package import Package

        package = Package(Path(context.artifacts["ensemble"]))
        self.engine, self.ensemble = KerasEngine(package, batch_size=1), package.ensemble

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """One row per radiograph: the highest ``probability``, and ``boxes`` as JSON."""
        return pd.DataFrame([self._find(text) for text in model_input["dicom_base64"]])

    def _find(self, text: str) -> dict[str, Any]:
        from pneumo.boxes import Frame
        from pneumo.dicom import fit, read_radiograph

        with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            file.write(base64.b64decode(text))
            file.flush()
            pixels = read_radiograph(Path(file.name)).pixels
        size_px = self.engine.size_px
        probability = self.engine.probabilities(fit(pixels, size_px)[None])[0]
        frame = Frame(pixels.shape[0], pixels.shape[1], size_px)
        boxes = [asdict(box) for box in self.ensemble.boxes(probability, frame)]
        return {"probability": float(probability.max()), "boxes": json.dumps(boxes)}


set_model(PneumoniaModel())
