"""The server over HTTP: what it serves, keeps and refuses."""

import csv
import hashlib
import socket
from io import BytesIO

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pneumo.base.aside import aside
from pneumo.scoring._inputs import list_inputs
from pneumo.scoring._publish import publish
from pneumo.scoring.parts import Scorer, Store, write_part
from pneumo.scoring.plan import make_plan
from pneumo.site.sitekey import site_key
from tests.dicom.test_full import picture, write
from tests.reading.server import site_of, start

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=alert(1)>"
BOX = {"x": 5.0, "y": 6.0, "width": 20.0, "height": 10.0}
SCORERS = [("d" * 64, 2, 0.75), ("e" * 64, 1, 0.25)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("reading")
    home.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site_of(home).items():
            patch.setenv(name, value)
        site_key()
    inbox = home / "inbox"
    inbox.mkdir()
    for number in range(4):
        write(
            inbox / f"{number}.dcm", picture(12, False) // (number + 1), 12, PatientID=f"p{number}"
        )
    write(inbox / f"{HOSTILE}.dcm", picture(8, False), 8, PatientName=HOSTILE)
    (inbox / "torn.dcm").write_bytes((inbox / "0.dcm").read_bytes()[:700])
    (inbox / "out.dcm").symlink_to("/etc/hostname")
    return home


@pytest.fixture(scope="module")
def results(home):
    """The results of two versions of an ensemble that nobody asked: parts as `score` keeps them."""
    out = home / "results"
    plan = make_plan(list_inputs([home / "inbox"], home / "unpacked"), 100)
    torn = hashlib.sha256((home / "inbox/torn.dcm").read_bytes()).hexdigest()
    store, parts = Store(out), []
    for digest, version, probability in SCORERS:
        scorer = Scorer(f"models:/e/{version}", version, digest, "openvino", "float32", False)
        rows = [
            {"content": content, "reason": "truncated" if content == torn else "", "message": "cut",
             "rows": 96, "columns": 80, "view": "PA", "notes": "{}", "probability": probability,
             "boxes": f'[{{"x": 1, "y": 2, "width": 30, "height": {version}, "confidence": 0.5}}]',
             "overlay": "", "seconds": 0.1, "margin": 0.0, "review": "", "person": content[:9]}
            for content in plan.parts[0]
        ]  # fmt: skip
        path = store.path(scorer, plan.parts[0], "none")
        path.parent.mkdir(parents=True)
        with aside(path) as folder:
            folder.mkdir()
            write_part(path, scorer, "none", rows, folder)
    parts = list(store.parts())
    publish(out, plan, [p for p in parts if p.scorer.version == 2], "none", 0.0)
    return out


@pytest.fixture(scope="module")
def server(home, results):
    server = start(results, "--reader", "anna", home=home)
    yield server
    code, said = server.end()
    assert (code, said) == (0, ""), "nothing of any request is logged, and ctrl-C is no fault"


@pytest.fixture
def images(server):
    listed = server.http.get("api/worklist").json()["images"]
    return {image["name"]: image for image in listed}


def put(http, image, **said):
    reading = {"verdict": "opacity", "boxes": [], "comment": "", "revision": 0} | said
    return http.put(f"api/images/{image['id']}/reading", json=reading)


def test_the_worklist_tells_nothing_of_the_answer_until_it_is_shown(server, images):
    assert set(images) == {"0", "1", "2", "3", HOSTILE, "torn", "out"}
    assert {images[name]["status"] for name in ("torn", "out")} == {"rejected"}
    assert images["0"]["probability"] is images["0"]["order"] is None
    answer = server.http.get(f"api/images/{images['3']['id']}/answer").json()
    assert (answer["probability"], answer["boxes"][0]["height"]) == (0.75, 2)
    assert [(p["probability"], p["boxes"][0]["height"]) for p in answer["prior"]] == [(0.25, 1)]
    [shown] = [i for i in server.http.get("api/worklist").json()["images"] if i["name"] == "3"]
    assert shown["probability"] == 0.75


def test_pixels_are_those_of_the_file(server, images):
    found = server.http.get(f"api/images/{images['1']['id']}/pixels")
    pixels = np.frombuffer(found.content, "<u2").reshape(96, 80)
    assert (found.headers["x-rows"], found.headers["x-columns"]) == ("96", "80")
    np.testing.assert_array_equal(pixels, picture(12, False) // 2)
    preview = server.http.get(f"api/images/{images['1']['id']}/preview")
    drawn = np.asarray(Image.open(BytesIO(preview.content)), float)
    meant = 255 * (pixels / pixels.max())
    assert drawn.shape == (96, 80)
    assert np.abs(drawn - meant).max() <= 1


def test_refused_files_say_why_and_a_link_out_is_never_followed(server, images):
    for name in ("torn", "out"):
        found = server.http.get(f"api/images/{images[name]['id']}/pixels")
        assert found.status_code == 422
        assert list(found.json()) == ["refused"]
        assert put(server.http, images[name]).status_code == 422


def test_a_reading_is_on_disk_when_it_is_answered_and_an_old_revision_loses(
    server, results, images
):
    first = put(server.http, images["0"], boxes=[BOX], comment='=1+1\n"<b>"')
    assert first.json() | {"saved_at": ""} == {
        "verdict": "opacity", "boxes": [BOX], "comment": '=1+1\n"<b>"', "revision": 1,
        "ai_seen": False, "saved_at": "",
    }  # fmt: skip
    rows = list(csv.DictReader((results / "readings/anna.csv").open(newline="")))
    content = hashlib.sha256((results.parent / "inbox/0.dcm").read_bytes()).hexdigest()
    [row] = [row for row in rows if row["content"] == content]
    assert (row["reader"], row["verdict"], row["ai_seen"]) == ("anna", "opacity", "no")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
    old = put(server.http, images["0"], verdict="clear")
    assert (old.status_code, old.json()["verdict"]) == (409, "opacity")
    undone = put(server.http, images["0"], verdict=None, revision=1)
    assert (undone.json()["verdict"], undone.json()["revision"]) == (None, 2)


def test_a_verdict_after_the_answer_is_not_blind_and_a_comment_keeps_it_so(server, images):
    assert put(server.http, images["2"]).json()["ai_seen"] is False
    server.http.get(f"api/images/{images['2']['id']}/answer")
    same = put(server.http, images["2"], comment="a word", revision=1)
    assert same.json()["ai_seen"] is False
    other = put(server.http, images["2"], verdict="negative", revision=2)
    assert (other.json()["verdict"], other.json()["ai_seen"]) == ("clear", True)


HUGE = 10**400


@pytest.mark.parametrize(
    "said",
    [
        {"boxes": [BOX | {"width": -5}]},
        {"boxes": [BOX | {"x": 500}]},
        {"boxes": [BOX | {"x": HUGE}]},
        {"boxes": [BOX | {"x": True}]},
        {"boxes": [BOX] * 10_000},
        {"boxes": [{"x": 1}]},
        {"boxes": "<b>"},
        {"boxes": [BOX], "verdict": "clear"},
        {"verdict": ["opacity"]},
        {"verdict": HOSTILE},
        {"comment": "x" * 5000},
        {"comment": 5},
        {"revision": -1},
        {"revision": "0"},
    ],
)
def test_what_is_no_reading_is_refused_and_changes_nothing(server, results, images, said):
    table = results / "readings/anna.csv"
    before = table.read_bytes()
    found = put(server.http, images["1"], **said)
    assert (found.status_code, list(found.json())) == (422, ["refused"])
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"boxes": [NaN]}', 400), (b"[" * 100_000, 400), (b"x" * 2_000_000, 413), (b"\xff", 400)],
)
def test_bodies_that_are_no_json_are_refused(server, images, body, code):
    path = f"api/images/{images['1']['id']}/reading"
    headers = {"content-type": "application/json"}
    assert server.http.put(path, content=body, headers=headers).status_code == code


def test_only_who_knows_the_token_is_answered(server, images):
    root = server.address.rsplit("/", 2)[0]
    for path in ("/", "/x/", f"/{'A' * 32}/api/worklist", "/static/main.js"):
        assert httpx.get(root + path).status_code == 404
    assert server.http.get("", headers={"host": "evil.example"}).status_code == 421
    elsewhere = {"origin": "http://evil.example", "content-type": "application/json"}
    path = f"api/images/{images['1']['id']}/reading"
    assert server.http.put(path, content=b"{}", headers=elsewhere).status_code == 403
    for bad in ("../../etc/passwd", "%2e%2e%2f", "0", images["1"]["id"][:-1]):
        assert server.http.get(f"api/images/{bad}/pixels").status_code == 404
    assert server.http.get("static/..%2f__init__.py").status_code == 404
    page = server.http.get("")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


def test_slow_clients_hold_nobody_up(server):
    host, port = server.address.split("/")[2].split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(100)]
    for one in slow:
        one.sendall(b"PUT / HTTP/1.1\r\nHost: ")
    assert server.http.get("api/worklist", timeout=10).status_code == 200
    for one in slow:
        one.close()


def test_a_file_that_is_tried_is_read_or_told_why_not(server, home):
    good = (home / "inbox/1.dcm").read_bytes()
    found = server.http.post("api/try", files={"file": (HOSTILE, good)}).json()
    assert (found["rows"], found["columns"], found["view"]) == (96, 80, "PA")
    assert found["probability"] is None, "no such ensemble is here"
    pixels = server.http.get(found["pixels"].lstrip("/")).content
    np.testing.assert_array_equal(
        np.frombuffer(pixels, "<u2").reshape(96, 80), picture(12, False) // 2
    )
    for bad in (b"", b"<svg onload=alert(1)>", good[:700]):
        found = server.http.post("api/try", files={"file": ("x.dcm", bad)})
        assert (found.status_code, list(found.json())) == (422, ["refused"])
    assert server.http.post("api/try", content=b"x").status_code in (400, 422)


def test_two_readers_write_beside_each_other_and_their_agreement_is_told(
    home, server, images, results
):
    table = results / "both.csv"
    two = [start(results, "--reader", name, "--labels", table, home=home) for name in ("bo", "cy")]
    try:
        for other, width in zip(two, (20.0, 10.0), strict=True):
            listed = other.http.get("api/worklist").json()["images"]
            by_name = {image["name"]: image for image in listed}
            for name in ("0", "1"):
                boxes = [BOX | {"width": width}]
                assert put(other.http, by_name[name], boxes=boxes).status_code == 200
            assert put(other.http, by_name["2"], verdict="clear").status_code == 200
        assert len(list(csv.DictReader(table.open(newline="")))) == 6
        [pair] = two[0].http.get("api/agreement").json()["pairs"]
    finally:
        codes = [other.end()[0] for other in two]
    assert codes == [0, 0]
    assert (pair["images"], pair["agree"], pair["both_opacity"]) == (3, 3, 2)
    assert (pair["kappa"]["value"], pair["box_iou"]["value"]) == (1.0, 0.5)
    assert pair["score_one_truth"]["value"] == pytest.approx(2 / 8)  # IoU 0.5 clears .40 and .45


def test_a_box_that_rounds_to_nothing_is_refused_and_the_table_stays_readable(server, images):
    edge = {"x": 79.999, "y": 6.0, "width": 9.0, "height": 9.0}
    for box in (BOX | {"width": 0.001}, edge):
        assert put(server.http, images["1"], boxes=[box]).status_code == 422
    assert server.http.get("api/worklist").status_code == 200


def test_a_listed_file_that_is_tried_counts_as_shown(server, home, images):
    content = (home / f"inbox/{HOSTILE}.dcm").read_bytes()
    assert server.http.post("api/try", files={"file": ("x.dcm", content)}).status_code == 200
    assert put(server.http, images[HOSTILE], verdict="clear").json()["ai_seen"] is True


@pytest.mark.parametrize("table", [b"PAR1 torn", None])
def test_results_that_cannot_be_read_are_a_line(home, tmp_path, table):
    if table is None:
        pq.write_table(pa.table({"file": ["a"]}), tmp_path / "predictions.parquet")
    else:
        (tmp_path / "predictions.parquet").write_bytes(table)
    with pytest.raises(AssertionError, match="run `pneumo score` again"):
        start(tmp_path, home=home)
