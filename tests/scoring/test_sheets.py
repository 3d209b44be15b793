import json
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pneumo.dataset.rsna import read_submission
from pneumo.scoring import _sheets as module
from pneumo.scoring._counts import Counts
from pneumo.scoring._inputs import Item
from pneumo.scoring._rows import COLUMNS, results
from pneumo.scoring._sheets import sheets
from pneumo.scoring._wall import Gallery
from pneumo.scoring.parts import Part, Scorer, write_part
from pneumo.scoring.plan import Image, Plan, load_plan, make_plan

BOX = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "confidence": 0.5}
REJECTED = {"status": "rejected", "reason": "not_dicom", "message": "is no DICOM file"}


def row(number: int) -> dict:
    """The first two and the last of seven are rejected, so that columns begin with nothing."""
    about = {"file": f"f{number}", "image_id": f"i{9 - number}", "content": f"c{number}"}
    if number in (0, 1, 6):
        return dict.fromkeys(COLUMNS) | about | REJECTED
    scored = {"status": "scored", "rows": 1024, "columns": 900, "probability": number / 10}
    scored |= {"row_spacing_mm": None, "model_version": 3, "seconds": 0.5, "reason": ""}
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


def test_times_say_when_each_scored_content_was(tmp_path):
    with sheets(tmp_path) as tables:
        for number in range(1, 5):
            tables.add(row(number) | {"scored_at": f"2026-01-0{number}T00:00:00Z"})
        tables.add(row(4) | {"duplicate_of": "f4", "scored_at": "2026-01-04T00:00:00Z"})
    lines = [f"c{number},2026-01-0{number}T00:00:00Z" for number in (2, 3, 4)]
    assert (tmp_path / "times.csv").read_text().splitlines() == ["content,scored_at", *lines]


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


NOTES = {"one": "the first is < doubtful", "two": "and so is the second"}


def part_of(folder, notes):
    """A part on disk of three contents: noted as ``notes`` says, not noted, and rejected."""
    seen = {"reason": "", "probability": 0.5, "boxes": "[]", "view": "PA"}
    rows = [
        {"content": "a", "notes": json.dumps(notes), **seen},
        {"content": "b", "notes": "{}", **seen},
        {"content": "c", "reason": "not_dicom", "message": "is no DICOM file"},
    ]
    scorer, aside = Scorer("m", 1, "d", "openvino", "float32", False), folder / "aside"
    aside.mkdir()
    write_part(folder / "part", scorer, "none", rows, aside)
    return Part(folder / "part", scorer, "none")


def test_notes_go_from_a_part_to_tables_counts_and_gallery(tmp_path):
    plan = Plan([Image(f"{name}.dcm", name, "", name) for name in "abc"], [])
    counts, gallery = Counts(), Gallery()
    with sheets(tmp_path) as tables:
        for row in results(plan, [part_of(tmp_path, NOTES)]):
            for taker in (counts, gallery, tables):
                taker.add(row)
    found = counts.summary()
    assert (found["scored"], found["noted"], found["notes"]) == (2, 1, {"one": 1, "two": 1})
    csv = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    assert csv["notes"].tolist() == ["one;two", "", ""]
    gallery.write(tmp_path, found)
    page = (tmp_path / "index.html").read_text()
    assert "1 noted as doubtful" in page
    assert '"noted": "the first is \\u003c doubtful; and so is the second"' in page
    assert page.count('"noted":') == 1


def test_a_part_of_before_there_were_notes_is_read_and_its_scorer_is_another(tmp_path):
    part = part_of(tmp_path, {})
    rows = pq.read_table(part.folder / "rows.parquet").drop_columns("notes")
    pq.write_table(rows, part.folder / "rows.parquet")
    plan = Plan([Image("a.dcm", "a", "", "a")], [])
    (row,) = results(plan, [part])
    assert (row["status"], row["notes"], row["noted"]) == ("scored", "", "")
    told = {"model": "m", "version": 1, "digest": "d", "engine": "openvino"}
    told |= {"precision": "float32", "flip": False}  # as part.json of before has it
    assert Scorer(**told).key != Scorer(**told, reading=2).key


def test_a_part_of_before_there_were_two_spacings_has_one_both_ways(tmp_path):
    part = part_of(tmp_path, {})
    rows = pq.read_table(part.folder / "rows.parquet")
    rows = rows.drop_columns(["row_spacing_mm", "column_spacing_mm"])
    rows = rows.append_column("spacing_mm", pa.array([0.2, None, None], pa.float64()))
    boxes = pa.array([json.dumps([BOX]), "[]", None])
    rows = rows.set_column(rows.column_names.index("boxes"), "boxes", boxes)
    pq.write_table(rows, part.folder / "rows.parquet")
    (row,) = results(Plan([Image("a.dcm", "a", "", "a")], []), [part])
    assert (row["row_spacing_mm"], row["column_spacing_mm"]) == (0.2, 0.2)
    assert json.loads(row["boxes_mm"]) == [{"x": 0.2, "y": 0.4, "width": 0.6, "height": 0.8}]


def test_reading_other_views_too_is_another_scorer():
    told = ("m", 1, "d", "openvino", "float32", False)
    assert Scorer(*told, frontal_only=False).key != Scorer(*told, frontal_only=True).key


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
