"""After a promotion: radiographs arrive, are answered, watched, read, and trained on."""

import csv
import hashlib
import json
import re
from shutil import rmtree

import numpy as np
import pandas as pd
import pydicom
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from pneumo import workflow
from pneumo.base.settings import DemoSettings
from pneumo.stages.demo import demo
from tests.dags.checkout import Checkout

SIDE_PX = 128
DRAWN = 40
"""Radiographs that are drawn; after them the same come again, for what does not show them."""

ARRIVING, ANSWERED, WATCHED = "data/inbox", "data/scored", "data/monitor"
MONITOR = "pneumonia_monitor"
PLACES = f"--results {ANSWERED} --out {WATCHED}"
SECRET = "Geheim"
UID = "1.2.826.0.1.3680043.77.7"
CHANGES = {
    "ordinary": lambda pixels, chance: pixels,
    "reversed": lambda pixels, chance: 255 - pixels,
    "noise": lambda pixels, chance: chance.integers(0, 256, pixels.shape, np.uint8),
}


class Loop:
    """A site of one checkout; ``tasks`` are those of the last run of ``pneumonia_monitor``."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout, self.tasks, self.number = checkout, {}, 0
        self.before: set[str] | None = None
        checkout.change({"monitor": {"window_images": 20, "audit_share": 1.0}})
        checkout.run("dvc repro prepare")  # a run that failed before leaves nothing there
        drawn = checkout.folder / "data/drawn"
        demo(drawn, demo=DemoSettings(images=DRAWN, seed=7))
        self.sources = sorted((drawn / "stage_2_train_images").iterdir())
        for name in (ARRIVING, ANSWERED):
            rmtree(checkout.folder / name, ignore_errors=True)  # of a site before
        (checkout.folder / ARRIVING).mkdir()

    def arrive(self, kind: str, count: int) -> None:
        """Put small radiographs of new people into the inbox, with secrets in all places."""
        for _ in range(count):
            source = self.sources[self.number % DRAWN]
            self.number += 1
            data = pydicom.dcmread(source)
            small = Image.fromarray(data.pixel_array).resize(
                (SIDE_PX, SIDE_PX), Image.Resampling.BOX
            )
            chance = np.random.default_rng(self.number)
            pixels = CHANGES[kind](np.asarray(small), chance)
            data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            data.Rows, data.Columns = pixels.shape
            data.PixelSpacing = [s * 1024 / SIDE_PX for s in data.PixelSpacing]
            data.PixelData = pixels.tobytes()
            data["PixelData"].VR = "OB"
            self._name(data)
            data.save_as(self.checkout.folder / ARRIVING / f"{SECRET}-{self.number}.dcm")

    def answer(self) -> None:
        """Score what arrived, by the DAG."""
        before = self.checkout.begun(MONITOR)
        state, tasks, _ = self.checkout.run_dag("pneumonia_score")
        assert state == "success", tasks
        self.before = before

    def look(self) -> None:
        """Monitor what was scored, by the DAG, which begins by itself when something was."""
        if self.before is None:
            _, self.tasks, _ = self.checkout.run_dag(MONITOR)
        else:
            _, self.tasks, _ = self.checkout.begun_dag(MONITOR, self.before)
        self.before = None

    def read(self) -> str:
        """A reader who says the opposite of each answer, and where; what the command says."""
        table = pd.read_parquet(self.checkout.folder / ANSWERED / "predictions.parquet")
        with (self.checkout.folder / "read.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["content", "reader", "verdict", "boxes", "ai_seen", "why"])
            for one in table.itertuples():
                missed = one.boxes == "[]"
                said = ["opacity", "[[-8, 8, 40, 48]]"] if missed else ["clear", ""]
                rows.writerow([one.content, "reader 1", *said, "no", "audit"])
        return self.checkout.run(f"pneumo monitor labels read.csv {PLACES}")

    def take_up(self) -> pd.DataFrame:
        """Make a data version of the verdicts, beside the demo's data, and set it.

        Returns its people of feedback, and who of them is ``sealed``.
        """
        done = self.checkout.run(
            f"pneumo monitor feedback {ARRIVING} data/feedback {PLACES} --with data/demo && "
            "dvc add data/feedback"
        )
        least = re.search(r"data.test_images: (\d+) at least", done)
        assert least, done
        data = {"root": "data/feedback", "reserved_test": "reserved.csv"}
        self.checkout.change({"data": {**data, "test_images": int(least[1])}})
        people = pd.read_csv(self.checkout.folder / "data/feedback/patients.csv", dtype=str)
        ours = people[people["person"].str.startswith("feedback-", na=False)]
        return ours.assign(sealed=ours["person"].map(_is_sealed))

    def summary(self) -> dict:
        """What the monitor tells the next tasks."""
        return json.loads((self.checkout.folder / WATCHED / "summary.json").read_text())

    def promotion(self) -> dict:
        """What the gate decided last."""
        return json.loads((self.checkout.folder / "reports/promotion.json").read_text())

    def champion(self) -> dict[str, str]:
        """The tags of the champion, and its sum."""
        asked = {"name": "pneumonia-ensemble", "alias": "champion"}
        version = self.checkout.mlflow("registered-models/alias", **asked)["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version["tags"]}
        return {"version": version["version"], "sha256": tags["pneumo.sha256"]}

    def wanted(self) -> list[dict]:
        """What the Asset that wants a training told so far."""
        with self.checkout.airflow() as client:
            events = client.get("/assets/events", limit=100)["asset_events"]
        return [event["extra"] for event in events if event["name"] == workflow.RETRAIN_WANTED]

    def named_in(self, *places: str) -> list[str]:
        """The files below ``places`` that hold a secret of those that were planted."""
        secrets = [SECRET.encode(), UID.encode()]
        files = [p for place in places for p in (self.checkout.folder / place).rglob("*")]
        files = [path for path in files if path.is_file()]
        assert len(files) > 100
        return [str(path) for path in files if any(s in path.read_bytes() for s in secrets)]

    def _name(self, data: pydicom.Dataset) -> None:
        name = f"{SECRET}^{self.number}"
        data.PatientName, data.PatientID = name, f"{SECRET}{self.number}"
        data.StudyInstanceUID, data.SeriesInstanceUID = f"{UID}.1", f"{UID}.2"
        data.SOPInstanceUID = f"{UID}.3.{self.number}"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.ImageComments = data.StudyDescription = name
        data.add_new(0x00091010, "LO", name)
        item = pydicom.Dataset()
        item.PatientID = name
        data.OtherPatientIDsSequence = [item]


def _is_sealed(person: str) -> bool:
    digest = hashlib.sha256(f"sealed:{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0
