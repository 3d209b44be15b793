"""What the pipeline leaves behind, with networks as small as they can be and figures to match."""

import hashlib
import json
from pathlib import Path
from shutil import copyfile

import numpy as np
import pandas as pd

from pneumo import workflow
from pneumo.base.files import sha256
from pneumo.base.settings import Settings
from pneumo.detection.ensemble import Ensemble
from pneumo.engines.package import Package
from pneumo.evaluation.judge import judge
from pneumo.prepared.format import load_prepared
from pneumo.registry._paired import mean_precision

SIZE_PX, PEOPLE = 32, 48
SPLITS = {"train": 4, "validation": 4, "test": 2 * PEOPLE}
SHARPNESS = 60.0


def write_prepared(folder: Path, seed: int) -> Path:
    """Prepared data: every second image of 48 test people shows a square of grey 100 to 220.

    What is not square is darker than 80, so a network that calls what is brighter than ``level``
    finds the more of them, the lower its level.
    """
    chance = np.random.default_rng(seed)
    splits = np.repeat(list(SPLITS), list(SPLITS.values()))
    count = len(splits)
    images = chance.integers(40, 80, (count, SIZE_PX, SIZE_PX), np.uint8)
    masks, boxes = np.zeros_like(images), []
    names = [f"image{number:03}" for number in range(count)]
    for number in range(0, count, 2):
        x, y = (int(side) for side in chance.integers(2, 18, 2))
        masks[number, y : y + 12, x : x + 10] = 1
        images[number][masks[number] == 1] = chance.integers(100, 220)
        boxes.append((names[number], 32.0 * x, 32.0 * y, 320.0, 384.0))
    index = pd.DataFrame(
        {
            "patientId": names,
            "person": [f"person{number // 2}" for number in range(count)],
            "split": splits,
            "class": ["Lung Opacity", "Normal"] * (count // 2),
            "target": [1, 0] * (count // 2),
            "view": [("AP", "PA")[number // 2 % 2] for number in range(count)],
            "sex": [("F", "M")[number // 4 % 2] for number in range(count)],
            "age": 50.0,
            "rows": 1024,
            "columns": 1024,
            "row_spacing_mm": 0.14,
            "column_spacing_mm": 0.14,
            "pixel_aspect": 1.0,
        }
    )
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images)
    np.save(folder / "masks.npy", masks)
    index.to_parquet(folder / "index.parquet")
    columns = ["patientId", "x", "y", "width", "height"]
    pd.DataFrame(boxes, columns=columns).to_parquet(folder / "boxes.parquet")
    profile = {
        "sha256": {path.name: sha256(path) for path in sorted(folder.iterdir())},
        "size_px": SIZE_PX,
        "test_set": hashlib.sha256(images.tobytes()).hexdigest(),
        "leaked_people": 0,
    }
    (folder / "profile.json").write_text(json.dumps(profile))
    return folder


def save_network(path: Path, level: float, *, convolves: bool = False) -> None:
    """A real network of one layer: opacity where a pixel is brighter than ``level``."""
    import keras

    picture = keras.Input((SIZE_PX, SIZE_PX, 1), dtype="uint8")
    layer = keras.layers.Conv2D(2, 1) if convolves else keras.layers.Dense(2)
    found = layer(keras.layers.Rescaling(1 / 255)(picture))
    network = keras.Model(picture, keras.layers.Activation("softmax")(found))
    bias = SHARPNESS * level / 255
    kernel = np.array([[-SHARPNESS, SHARPNESS]], np.float32)
    kernel = kernel.reshape(layer.kernel.shape)
    layer.set_weights([kernel, np.array([bias, -bias], np.float32)])
    network.save(path)


class Results:
    """The folders of a pipeline that has run; ``run`` makes another result in their place."""

    convolves = False
    """Whether the networks' one layer is a convolution, which alone is computed in 8 bits."""

    def __init__(self, folder: Path, prepared: Path, settings: Settings) -> None:
        self.paths = {"prepared": prepared, "models": folder / "m", "reports": folder / "r"}
        exact = settings.score.model_copy(update={"precision": "float32"})  # others: on request
        self.settings = settings.model_copy(update={"score": exact})
        (self.paths["reports"] / "evaluation").mkdir(parents=True)

    def run(self, level: float, **metrics) -> None:
        """Networks that call what is brighter than ``level``, judged as ``evaluate`` does."""
        from pneumo.engines.keras import KerasEngine, load

        data, reports = load_prepared(self.paths["prepared"]), self.paths["reports"]
        for number, name in enumerate(self.settings.models):
            folder = self.paths["models"] / name
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "model.keras"
            save_network(path, level + number / 100, convolves=self.convolves)
            (folder / "history.csv").write_text("epoch,loss\n1,0.9\n")
        weights = dict.fromkeys(self.settings.models, 1 / len(self.settings.models))
        choice = Ensemble(weights, 0.5, 0.0, 4000.0, 0.0, 0.0)
        (reports / "ensemble.json").write_text(
            json.dumps({"ensemble": {**choice.to_json(), "validation_map": 0.5}})
        )
        package = self._package(choice)
        pictures = np.asarray(data.images[data.rows("validation", "test")])
        for name in self.settings.models:
            maps = load(package, name).predict_on_batch(pictures[..., None])[..., 1]
            maps = np.asarray(maps).astype(np.float16)
            np.save(self.paths["models"] / name / "probabilities.npy", maps)
        blended = KerasEngine(package).probabilities(pictures[SPLITS["validation"] :])
        cases = judge(data, "test", blended, choice)[1]
        self.write(cases, test_set=data.profile["test_set"], **metrics)

    def write(self, cases, **metrics) -> None:
        """The evaluation's files for a table of cases."""
        figures = {"map": mean_precision(cases), "mean_iou": 0.5, "pixel_accuracy": 0.9, "f1": 0.5}
        evaluation = dict.fromkeys([*self.settings.models, "ensemble"], figures)
        evaluation |= {"leaked_people": 0, "leaked_images": 0, **metrics}
        folder = self.paths["reports"] / "evaluation"
        cases.to_csv(folder / "cases.csv", index=False)
        (folder / "metrics.json").write_text(json.dumps(evaluation))
        (folder / "model_card.md").write_text("# Card\n" + "Not for clinical use.\n" * 300)

    def write_workspace(self) -> None:
        """A ``dvc.yaml`` and a ``params.yaml`` in the working folder, for the command line."""
        folders = {name: str(path) for name, path in self.paths.items()}
        Path("dvc.yaml").write_text(json.dumps({"vars": [{"paths": folders}]}))
        copyfile(Path(workflow.__file__).parents[2] / "params.yaml", "params.yaml")

    def _package(self, choice: Ensemble) -> Package:
        folder = self.paths["models"]
        (folder / "ensemble.json").write_text(json.dumps(choice.to_json()))
        for name in self.settings.models:
            link = folder / f"{name}.keras"
            link.unlink(missing_ok=True)
            link.hardlink_to(folder / name / "model.keras")
        names = [f"{name}.keras" for name in self.settings.models]
        sums = {name: sha256(folder / name) for name in [*names, "ensemble.json"]}
        (folder / "manifest.json").write_text(json.dumps(sums))
        return Package(folder)
