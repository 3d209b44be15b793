"""Somebody labels twenty radiographs in a browser, by keyboard and mouse, and the labels count."""

import csv
import io
import json
from datetime import date
from pathlib import Path
from shutil import copyfile

import numpy as np
import pydicom
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from pneumo.base.settings import DataSettings
from pneumo.monitoring.labels import take_in
from pneumo.stages.prepare import prepare
from pneumo.stages.train import train
from pneumo.stages.validate import validate
from tests.reading.pages import Page, Server, readings

pytestmark = pytest.mark.slow
SCRIPT = "<img src=x onerror='window.ran=1'>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, demo_root) -> Path:
    """Twenty-two radiographs, one with a script for a name, one that is none."""
    folder = tmp_path_factory.mktemp("label") / "inbox"
    folder.mkdir()
    files = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:21]
    for path in files[:-1]:
        copyfile(path, folder / path.name)
    hostile = pydicom.dcmread(files[-1])
    hostile.PatientName = "<script>window.ran=1</script>"
    hostile.save_as(folder / f"z{SCRIPT}.dcm")
    (folder / "zz-torn.dcm").write_bytes(files[0].read_bytes()[:5000])
    return folder


@pytest.fixture(scope="module")
def server(folder):
    server = Server(str(folder), "--label", "--reader", "anna")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def page(server):
    page = Page()
    page.open(server.address)
    yield page
    page.close()


def tables(folder: Path) -> Path:
    return folder.parent / "inbox-labels"


def open_at(page: Page, number: int) -> None:
    before = page.shown()
    page.click(f"#rows li:nth-child({number}) button")
    page.wait(lambda: page.shown() > before)
    page.keys("s")


def test_twenty_radiographs_are_labelled_validated_learned_and_counted(
    server, page, folder, settings, tmp_path, monkeypatch
):
    open_at(page, 1)
    for number in range(20):
        if number % 4 == 0:
            page.drag((0.4, 0.35), (0.6, 0.55))
        elif number % 4 == 1:
            page.keys("b")
            page.held(Keys.SHIFT, Keys.ARROW_RIGHT)
        else:
            page.keys("c" if number % 4 == 2 else "o")
            page.keys("b") if number % 4 == 3 else None
        page.saved()
        if number < 19:
            page.following()
    rows = readings(tables(folder) / "readings")
    assert len(rows) == 20
    assert sum(row["verdict"] == "opacity" for row in rows) == 15
    assert {row["ai_seen"] for row in rows} == {"no"}
    root = tables(folder) / "anna"
    data = DataSettings(
        root=str(root), size_px=32, train_images=None, validation_images=4, test_images=4,
        reserved_test=None, frontal_only=True, seed=1,
    )  # fmt: skip
    validate(tmp_path / "validation.json", tmp_path / "docs", data=data)
    found = json.loads((tmp_path / "validation.json").read_text())
    assert (found["images"], found["positive"]) == (20, 15)
    prepare(tmp_path / "prepared", data=data)
    small = {"encoder": "small", "encoder_weights": "none", "epochs": 3, "batch_size": 4}
    how, net = settings.train.model_copy(update=small), tmp_path / "net"
    train("unet_vgg19", tmp_path / "prepared", net, train=how, augment=settings.augment)
    with (net / "history.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    monkeypatch.setenv("PNEUMO_SITE_KEY", str(tmp_path / "site.key"))
    table = tables(folder) / "readings/anna.csv"
    told, _ = take_in(table, tmp_path / "monitor", "lead", date(2026, 11, 28))
    verdicts = [one.verdict for one in told.verdicts]
    assert [verdicts.count(word) for word in ("opacity", "clear")] == [15, 5]


def test_a_box_drawn_by_mouse_lies_where_it_was_drawn(page, folder):
    open_at(page, 3)
    page.keys("f")
    canvas = page.run(
        "const c = document.getElementById('canvas'); return [c.clientWidth, c.clientHeight]"
    )
    page.drag((0.45, 0.25), (0.6, 0.5))
    page.saved()
    kept = json.loads(readings(tables(folder) / "readings")[2]["boxes"])[0]
    zoom = min(canvas[0], canvas[1]) / 1024  # the radiographs are 1024 px, and fit
    expected = {
        "x": 512 - 0.05 * canvas[0] / zoom,
        "y": 512 - 0.25 * canvas[1] / zoom,
        "width": 0.15 * canvas[0] / zoom,
        "height": 0.25 * canvas[1] / zoom,
    }
    assert kept == pytest.approx(expected, abs=2 / zoom)


def test_a_box_is_moved_resized_and_deleted_by_keys_and_each_step_is_undone(page, folder):
    open_at(page, 7)
    page.keys("c")
    page.keys("b")
    assert page.boxes() == ["1: 256 x 256 at 384, 384"]
    page.held(Keys.CONTROL, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert page.boxes() == ["1: 256 x 256 at 385, 385"]
    page.held(Keys.SHIFT, Keys.ARROW_LEFT)
    assert page.boxes() == ["1: 246 x 256 at 385, 385"]
    page.keys(Keys.DELETE)
    assert page.boxes() == []
    for _ in range(4):
        page.keys("z")
    assert (page.boxes(), page.verdict()) == ([], "clear")
    page.held(Keys.CONTROL, "y")
    assert (page.boxes(), page.verdict()) == (["1: 256 x 256 at 384, 384"], "opacity")
    page.saved()
    page.driver.refresh()
    page.wait(lambda: page.shown() > 0)
    open_at(page, 7)
    assert (page.boxes(), page.verdict()) == (["1: 256 x 256 at 384, 384"], "opacity")


def test_the_picture_is_inverted_windowed_turned_and_zoomed(page):
    open_at(page, 1)
    page.keys("f")
    page.frame()
    before, note = page.pixel(0.5, 0.9), page.text("picture-note")
    page.keys("i")
    page.frame()
    assert page.pixel(0.5, 0.9) == pytest.approx([255 - grey for grey in before], abs=1)
    page.keys("i", "r")
    page.frame()
    assert page.pixel(0.5, 0.9) != before
    page.keys("r", "r", "r")
    page.frame()
    assert page.pixel(0.5, 0.9) == before
    page.keys("+", "[")
    page.frame()
    assert page.text("picture-note") != note
    page.keys("f")
    assert "mm a pixel" in page.text("picture-note")


def test_a_comment_is_text_and_nothing_else(page, folder):
    open_at(page, 2)
    page.keys("m")
    page.keys(SCRIPT + " jk?")
    page.saved()
    assert json.loads(readings(tables(folder) / "readings")[1]["comment"]) == SCRIPT + " jk?"
    page.keys(Keys.ESCAPE)


def test_names_and_headers_run_nothing(page):
    open_at(page, 21)
    assert SCRIPT in page.text("title")
    assert page.run("return window.ran ?? null") is None
    page.click("#rows li:nth-child(22) button")
    page.wait(lambda: "Cannot be shown" in page.text("message"))
    assert page.complaints() == []


def test_what_is_dropped_is_shown_or_refused_in_one_line(page, demo_root):
    path = next((demo_root / "stage_2_train_images").glob("*.dcm"))
    png = io.BytesIO()
    grey = np.tile(np.arange(256, dtype=np.uint8), (200, 1))
    Image.fromarray(grey).save(png, "png")
    for name, data, size in (
        ("a.dcm", path.read_bytes(), "1024 x 1024"),
        (f"{SCRIPT}.png", png.getvalue(), "256 x 200"),
    ):
        before = page.shown()
        page.drop(name, data)
        page.wait(lambda before=before: page.shown() > before)
        page.wait(lambda size=size: size in page.text("picture-note"))
    page.drop("torn.dcm", path.read_bytes()[:3000])
    page.wait(lambda: page.text("message").startswith("Refused"))
    assert page.run("return window.ran ?? null") is None
    assert page.complaints() == []


def test_a_server_that_is_killed_loses_nothing(server, page, folder):
    open_at(page, 10)
    server.kill()
    page.keys("u")
    page.wait(lambda: "server is away" in page.text("saving"))
    page.keys("c")
    server.start()
    page.saved()
    assert readings(tables(folder) / "readings")[9]["verdict"] == "clear"
    page.complaints()  # that it was away was said


def test_two_readers_agree_on_the_page(server, page, folder):
    own = tables(folder) / "readings" / "anna.csv"
    rows = list(csv.DictReader(own.open()))
    with own.with_name("bert.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows({**row, "reader": "bert"} for row in rows)
    page.click("#agreement-open")
    page.wait(lambda: "anna, bert" in page.text("agreement-body"))
    assert "1.000" in page.text("agreement-body")
    page.keys(Keys.ESCAPE)
    page.keys("?")
    assert page.run("return document.getElementById('help').open")
    page.keys(Keys.ESCAPE)
