"""How the faster ways to score agree with batched Keras, on a trained ensemble's test radiographs.

    python bench/agreement.py WORKSPACE

WORKSPACE is a checkout in which ``train``, ``tune`` and their like have run. int8 is quantised with
the validation radiographs. It says what `pneumo promote` would measure, and the same of Keras in
batches as `pneumo score` makes them.
"""

import json
import sys
import tempfile
from pathlib import Path
from shutil import copyfile

import numpy as np

from pneumo import workflow
from pneumo.base.files import write_json
from pneumo.detection.ensemble import Ensemble
from pneumo.engines import int8
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.prepared.format import load_prepared
from pneumo.registry import agreement
from pneumo.registry.golden import write_golden

BATCH = 8


def main() -> None:
    """Print a line per engine and precision."""
    paths = workflow.paths(Path(sys.argv[1]))
    data = load_prepared(paths["prepared"])
    rows, held = data.rows("test"), data.rows("validation")
    truth, frames, pictures = data.truth(rows), data.frames(rows), np.asarray(data.images[rows])
    with tempfile.TemporaryDirectory() as name:
        package = assemble(Path(name), paths, data.size_px)
        given = pictures, truth, frames
        calibration = np.asarray(data.images[held])
        found = agreement.measure(
            package.folder, *given, quantise=lambda: int8.quantised(package, calibration)
        )
        reference, ours = (
            agreement.find(open_engine(package, "tensorflow", batch_size=n), package, *given)[0]
            for n in (16, BATCH)
        )
        keras = agreement.compare(truth, reference, ours)
    print(f"{len(rows)} radiographs of {data.size_px} px; {package.ensemble}")
    for way, figures in {"TensorFlow, ours": keras, **found}.items():
        print(f"{way:17}", json.dumps(figures))


def assemble(folder: Path, paths: dict[str, Path], size_px: int) -> Package:
    """The workspace's ensemble as it would be registered."""
    for path in sorted(paths["models"].glob("*/model.keras")):
        copyfile(path, folder / f"{path.parent.name}.keras")
    chosen = json.loads((paths["reports"] / "ensemble.json").read_text())["ensemble"]
    write_json(folder / "ensemble.json", Ensemble.from_json(chosen).to_json())
    write_golden(folder, size_px)
    return Package(folder)


if __name__ == "__main__":
    main()
