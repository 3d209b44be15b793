"""A reader and the ensemble's answer in a browser: hidden, shown deliberately, agreed with."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.keys import Keys

from tests.reading.pages import Page, Server, readings

pytestmark = pytest.mark.slow
BOX = {"x": 200.0, "y": 300.0, "width": 150.0, "height": 250.0}


@pytest.fixture(scope="module")
def results(tmp_path_factory, demo_root) -> Path:
    """Four radiographs as `score` lists them: the second was called and shall be read first."""
    folder = tmp_path_factory.mktemp("answers") / "results"
    folder.mkdir()
    rows = [
        {
            "file": str(path),
            "content": hashlib.sha256(path.read_bytes()).hexdigest(),
            "image_id": f"image-{number}",
            "status": "scored",
            "message": "",
            "reason": "",
            "duplicate_of": "",
            "model": "pneumonia-ensemble version 3",
            "probability": 0.9 if number == 1 else 0.1,
            "boxes": json.dumps([{**BOX, "confidence": 0.87}]) if number == 1 else "[]",
            "review": "quality" if number == 1 else "",
            "rows": 1024,
            "columns": 1024,
            "view": "PA",
        }
        for number, path in enumerate(
            sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:4]
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "predictions.parquet")
    return folder


@pytest.fixture(scope="module")
def page(results):
    server = Server(str(results), "--reader", "anna")
    page = Page(820, 1180)
    page.open(server.address)
    yield page
    page.close()
    assert server.stop() == 0


def table(results: Path) -> list[dict[str, str]]:
    return readings(results / "readings")


def test_what_is_to_be_read_first_is_open_and_its_answer_is_hidden(page):
    assert page.text("title") == "image-1"
    assert "0.9" not in page.run("return document.body.innerText")
    assert page.run("return document.getElementById('answer-body').hidden")
    page.keys("y")
    assert page.verdict() is None


def test_a_verdict_before_the_answer_and_one_after_it_are_told_apart(page, results):
    page.keys("o")
    page.saved()
    assert [row["ai_seen"] for row in table(results)] == ["no"]
    page.keys("a")
    page.wait(lambda: "probability 0.900; 1 box" in page.text("answer-text"))
    page.keys("y")
    page.wait(lambda: page.boxes() == ["1: 150 x 250 at 200, 300"])
    page.saved()
    page.wait(lambda: [row["ai_seen"] for row in table(results)] == ["yes"])
    kept = table(results)[0]
    assert (kept["verdict"], json.loads(kept["boxes"])) == ("opacity", [BOX])


def test_disagreeing_with_a_call_says_clear_and_takes_the_boxes_away(page, results):
    page.keys("x")
    page.wait(lambda: page.boxes() == [])
    assert page.verdict() == "clear"
    page.keys("z")
    page.wait(lambda: page.boxes() == ["1: 150 x 250 at 200, 300"])
    page.saved()


def test_the_answer_stays_hidden_on_the_next_one_and_its_boxes_can_be_put_off(page):
    yellow = [255, 214, 10]
    page.keys("g")
    assert not page.run("return document.getElementById('answer-boxes').checked")
    page.keys("g", Keys.ESCAPE)
    page.following()
    assert page.run("return document.getElementById('answer-body').hidden")
    assert page.verdict() is None
    assert page.pixel(0.5, 0.5) != yellow
    assert page.complaints() == []


def test_a_finger_draws_a_box_and_two_fingers_enlarge(page):
    page.keys("f")
    before = page.text("picture-note")
    page.touch([(0.4, 0.4)], [(0.5, 0.55)], [(0.6, 0.6)])
    page.wait(lambda: len(page.boxes()) == 1)
    assert page.verdict() == "opacity"
    assert page.text("picture-note") == before
    page.touch([(0.4, 0.5), (0.6, 0.5)], [(0.3, 0.5), (0.7, 0.5)])
    page.wait(lambda: page.text("picture-note") != before)
    assert len(page.boxes()) == 1
    page.keys("f", "c")
    page.saved()


def test_a_change_from_another_window_is_told_and_neither_is_lost(page, results):
    page.keys("c")
    page.saved()
    path = results / "readings" / "anna.csv"
    lines = path.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if ",clear," in line)
    cells = lines[place].split(",")
    column = lines[0].split(",").index("revision")
    cells[column] = str(int(cells[column]) + 5)
    cells[lines[0].split(",").index("verdict")] = "unsure"
    lines[place] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    page.keys("o")
    page.wait(lambda: not page.run("return document.getElementById('conflict').hidden"))
    page.click("#theirs")
    page.wait(lambda: page.verdict() == "unsure")
    page.keys("z")
    page.saved()
    assert page.verdict() == "opacity"
    assert {row["verdict"] for row in table(results)} == {"opacity"}
