"""Labels of twenty radiographs, given to the server, are taken by what comes after it."""

import csv
from datetime import date

import pytest

from pneumo.base.settings import DataSettings
from pneumo.monitoring.labels import take_in
from pneumo.prepared.format import load_prepared
from pneumo.stages.prepare import prepare
from pneumo.stages.train import train
from pneumo.stages.validate import validate
from tests.reading.server import site_of, start

pytestmark = pytest.mark.slow


def test_labels_of_twenty_radiographs_are_validated_learned_and_counted(
    demo_root, tmp_path, settings
):
    tmp_path.chmod(0o700)
    folder, out = demo_root / "stage_2_train_images", tmp_path / "labels"
    server = start(folder, "--label", "--labels", out, "--reader", "anna", home=tmp_path)
    try:
        images = server.http.get("api/worklist").json()["images"][:21]
        for number, image in enumerate(images):
            box = {"x": 100 + number, "y": 200, "width": 300, "height": 250}
            said = {"verdict": "opacity", "boxes": [box]} if number % 2 else {"verdict": "clear"}
            if number == 20:
                said = {"verdict": "unsure"}
            said |= {"comment": "", "revision": 0}
            saved = server.http.put(f"api/images/{image['id']}/reading", json=said)
            assert saved.status_code == 200, saved.text
    finally:
        assert server.end() == (0, "")
    data = DataSettings(
        root=str(out / "anna"), size_px=32, train_images=None, validation_images=4,
        test_images=4, reserved_test=None, frontal_only=True, seed=1,
    )  # fmt: skip
    validate(tmp_path / "validation.json", tmp_path / "docs", data=data)
    prepare(tmp_path / "prepared", data=data)
    prepared = load_prepared(tmp_path / "prepared")
    assert len(prepared.index) == 20
    assert int(prepared.index["target"].sum()) == 10
    small = {"encoder": "small", "encoder_weights": "none", "epochs": 3, "batch_size": 4}
    how = settings.train.model_copy(update=small)
    train(
        "unet_vgg19", tmp_path / "prepared", tmp_path / "net", train=how, augment=settings.augment
    )
    with (tmp_path / "net/history.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site_of(tmp_path).items():
            patch.setenv(name, value)
        table, new = take_in(out / "readings/anna.csv", tmp_path / "m", "b", date(2026, 11, 28))
    verdicts = [one.verdict for one in table.verdicts]
    assert new
    assert [verdicts.count(word) for word in ("opacity", "clear", "unsure")] == [10, 10, 1]
