"""Labels of twenty radiographs, given to the server, are taken by what comes after it."""

from datetime import date

import pytest

from pneumo.base.settings import DataSettings
from pneumo.monitoring.labels import take_in
from pneumo.prepared.format import load_prepared
from pneumo.stages.prepare import prepare
from pneumo.stages.validate import validate
from tests.reading.server import start

pytestmark = pytest.mark.slow


def test_labels_of_twenty_radiographs_are_validated_prepared_and_counted(demo_root, tmp_path):
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
    settings = DataSettings(
        root=str(out / "anna"), size_px=32, train_images=None, validation_images=4,
        test_images=4, reserved_test=None, frontal_only=True, seed=1,
    )  # fmt: skip
    validate(tmp_path / "validation.json", tmp_path / "docs", data=settings)
    prepare(tmp_path / "prepared", data=settings)
    prepared = load_prepared(tmp_path / "prepared")
    assert len(prepared.index) == 20
    assert int(prepared.index["target"].sum()) == 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_SITE_KEY", str(tmp_path / "site.key"))
        table, new = take_in(out / "readings/anna.csv", tmp_path / "m", "b", date(2026, 11, 28))
    verdicts = [one.verdict for one in table.verdicts]
    assert new
    assert [verdicts.count(word) for word in ("opacity", "clear", "unsure")] == [10, 10, 1]
