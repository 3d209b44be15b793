import json
import re

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pneumo.rsna import read_submission
from pneumo.scoring import sheets as module
from pneumo.scoring.gallery import Gallery
from pneumo.scoring.inputs import Item
from pneumo.scoring.plan import load_plan, make_plan
from pneumo.scoring.sheets import sheets
from pneumo.scoring.tables import COLUMNS

BOX = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "confidence": 0.5}
REJECTED = {"status": "rejected", "reason": "not_dicom", "message": "is no DICOM file"}


def row(number: int) -> dict:
    """The first two and the last of seven are rejected, so that columns begin with nothing."""
    about = {"file": f"f{number}", "image_id": f"i{9 - number}", "content": f"c{number}"}
    if number in (0, 1, 6):
        return dict.fromkeys(COLUMNS) | about | REJECTED
    scored = {"status": "scored", "rows": 1024, "columns": 900, "probability": number / 10}
    scored |= {"spacing_mm": None, "model_version": 3, "seconds": 0.5, "reason": ""}
    return dict.fromkeys(COLUMNS) | about | scored | {"boxes": json.dumps([BOX] * (number % 3))}


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 100])
def test_rows_that_are_written_in_turns_are_those_written_at_once(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    with sheets(tmp_path) as tables:
        for number in range(7):
            tables.add(row(number))
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.to_pylist() == [row(number) for number in range(7)]
    assert str(table.to_pandas()["rows"].dtype) == "Int64"
    csv = pd.read_csv(tmp_path / "predictions.csv")
    assert csv["file"].tolist() == [f"f{number}" for number in range(7)]
    assert (tmp_path / "predictions.csv").read_text().splitlines()[3].split(",")[9] == "1024"
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected["file"].tolist() == ["f0", "f1", "f6"]
    assert (tmp_path / "submission.csv").read_text().splitlines() == [
        "patientId,PredictionString",
        "i4,0.5000 1.0 2.0 3.0 4.0 0.5000 1.0 2.0 3.0 4.0",
        "i5,0.5000 1.0 2.0 3.0 4.0",
        "i6,",
        "i7,0.5000 1.0 2.0 3.0 4.0 0.5000 1.0 2.0 3.0 4.0",
    ]


def test_an_error_on_the_way_leaves_the_tables_of_before(tmp_path):
    (tmp_path / "predictions.csv").write_text("as it was")
    with pytest.raises(TypeError), sheets(tmp_path) as tables:
        tables.add(None)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]
    assert (tmp_path / "predictions.csv").read_text() == "as it was"


def test_a_gallery_keeps_those_of_highest_probability_and_says_so(tmp_path):
    gallery = Gallery(most=2)
    for number in range(7):
        gallery.add(row(number))
    counts = {"files": 7, "scored": 4, "rejected": 3, "positive": 3, "duplicate_files": 0}
    gallery.write(tmp_path, counts | {"models": {}, "precisions": {}})
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r'"file": "(f\d)"', page) == ["f5", "f4"]
    assert "Here are the 2 of highest probability" in page


def test_the_submission_has_the_ids_of_the_files_and_the_other_tables_have_cells(tmp_path):
    names = ["=1+1", "-7", "DOE, JANE", 'a "b"', "two\nlines", " blank "]
    items = [Item(f"in/{name}.dcm", name, tmp_path / str(n)) for n, name in enumerate(names)]
    for item in items:
        item.path.write_text(item.image_id)
    plan = make_plan(items, 8)
    plan.save(tmp_path / "plan.json", {})
    images = load_plan(tmp_path / "plan.json")[0].images
    assert [image.name or image.image_id for image in images] == names
    with sheets(tmp_path / "out") as tables:
        for image in images:
            own = {"image_id": image.image_id, "name": image.name or image.image_id}
            tables.add(row(2) | own)
    assert set(read_submission(tmp_path / "out/submission.csv")) == set(names)
    cells = pq.read_table(tmp_path / "out/predictions.parquet")["image_id"].to_pylist()
    assert cells == ["'=1+1", "'-7", "DOE, JANE", 'a "b"', "two?lines", " blank "]
