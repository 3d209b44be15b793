"""One stage in a process of its own: ``python -m pneumo.rehearsal.stage JSON``.

It leaves what it took in the file that the JSON names. It ends when its parent does, and is the
first that the system ends when memory is short.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pneumo.base.errors import PneumoError
from pneumo.base.files import write_json
from pneumo.base.settings import Settings, load_settings

KIB = 1024


class Stage:
    """A stage of the recipe in the current folder, and the steps that it tells."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.began = asked["began"]
        self.told: list[dict[str, Any]] = []
        self.paths = {name: Path(path) for name, path in asked["paths"].items()}
        self.model, self.inputs = asked.get("model", ""), [Path(p) for p in asked.get("inputs", [])]
        self.settings: Settings = load_settings(Path(asked["settings"]))

    def tell(self, step: str, figures: Mapping[str, float]) -> None:
        """Keep a step with its time, in seconds since the process was started."""
        self.told.append({"step": step, "at": time.monotonic() - self.began, **figures})

    def validate(self) -> None:
        """The whole tables, as they are."""
        from pneumo.stages.validate import validate

        reports = self.paths["reports"]
        validate(reports / "validation.json", reports / "data_docs", data=self.settings.data)

    def prepare(self) -> None:
        """The radiographs of ``data.root``."""
        from pneumo.stages.prepare import prepare

        prepare(self.paths["prepared"], data=self.settings.data)

    def train(self) -> None:
        """One network, on a GPU of its own where there is one."""
        from pneumo.base.gpus import leased_gpus

        train, out = self.settings.train, self.paths["models"] / self.model
        with leased_gpus(train.devices):
            from pneumo.stages.train import train as stage
            from pneumo.training.memory import gpu_memory
            from pneumo.training.precision import policy

            self.told.append({"step": "precision", "computed_in": policy(train)})
            augment = self.settings.augment
            prepared = self.paths["prepared"]
            stage(self.model, prepared, out, train=train, augment=augment, tell=self.tell)
            if memory := gpu_memory():
                self.told.append({"step": "gpu", "peak": memory[0], "limit": memory[1]})

    def tune(self) -> None:
        """The choice of weights and boxes."""
        from pneumo.stages.tune import tune

        paths, settings = self.paths, self.settings
        reports = paths["reports"]
        tune(
            paths["prepared"],
            paths["models"],
            reports / "ensemble.json",
            reports / "tuning.json",
            models=list(settings.models),
            ensemble=settings.ensemble,
            boxes=settings.boxes,
        )

    def evaluate(self) -> None:
        """The ensemble on test images."""
        from pneumo.stages.evaluate import evaluate

        paths = self.paths
        reports, models = paths["reports"], [*map(str, self.settings.models)]
        chosen, told = reports / "ensemble.json", reports / "tuning.json"
        out = reports / "evaluation"
        evaluate(paths["prepared"], paths["models"], chosen, out, told, models=models)

    def promote(self) -> None:
        """Registered, and judged, in a registry of its own."""
        from pneumo.registry.promote import promote

        promote(self.paths, self.settings)

    def score(self) -> None:
        """The first version of that registry on ``inputs``."""
        from pneumo.scoring.score import score

        out = self.paths["scored"]
        score(self.inputs, out, "models:/pneumonia-ensemble/1", score=self.settings.score)


def _end_with_parent() -> None:
    """Nothing comes over standard input but its end, when the parent is gone."""
    while os.read(0, 1):  # no buffer, whose lock would stand in the way of the process's end
        pass
    os._exit(1)


def _spared_last() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> None:
    """Run the stage that the argument names; a fault is left as a line."""
    asked = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _spared_last()
    told: list[dict[str, Any]] = []
    fault = ""
    try:
        stage = Stage(asked)
        told = stage.told
        getattr(stage, asked["stage"])()
    except PneumoError as error:
        fault = str(error)
    except Exception as error:  # of any library: the other stages are rehearsed all the same
        fault = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    write_json(Path(asked["answer"]), {"told": told, "fault": fault, "peak_bytes": peak})
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
