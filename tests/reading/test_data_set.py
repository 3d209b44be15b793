"""The data set of a folder that is labelled: whose label stands beside which radiograph."""

import csv
import signal
from pathlib import Path

import pytest

from pneumo.reading._dataset import Labelled
from pneumo.reading._images import unlabelled
from tests.dicom.test_full import picture, write
from tests.reading.server import start

pytestmark = pytest.mark.slow
BOX = {"x": 5.0, "y": 6.0, "width": 20.0, "height": 10.0}


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o700)
    for number, place in enumerate(("1", "a/1", "b/1")):
        path = tmp_path / f"inbox/{place}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, picture(12, False) // (number + 1), 12, PatientID=f"p{number}")
    return tmp_path


def served(home):
    folder = home / "inbox"
    server = start(folder, "--label", "--labels", home / "out", "--reader", "anna", home=home)
    server.images = {i["name"]: i for i in server.http.get("api/worklist").json()["images"]}
    return server


def put(server, name, verdict, **said):
    boxes = [BOX] if verdict == "opacity" else []
    reading = {"verdict": verdict, "boxes": boxes, "comment": "", "revision": 0} | said
    return server.http.put(f"api/images/{server.images[name]['id']}/reading", json=reading)


def data_set(home) -> dict[bytes, str]:
    """The bytes of each radiograph in the data set, and its target."""
    root = home / "out/anna"
    with (root / "stage_2_train_labels.csv").open(newline="") as file:
        targets = {row["patientId"]: row["Target"] for row in csv.DictReader(file)}
    files = {path.stem: path.read_bytes() for path in (root / "stage_2_train_images").iterdir()}
    assert files.keys() == targets.keys()
    return {files[name]: target for name, target in targets.items()}


def test_a_file_that_comes_later_moves_no_label(home):
    server = served(home)
    put(server, "a/1.dcm", "clear")
    put(server, "b/1.dcm", "opacity")
    server.end()
    early = home / "inbox/0/1.dcm"
    early.parent.mkdir()
    write(early, picture(12, False) // 5, 12)
    server = served(home)
    put(server, "0/1.dcm", "opacity")
    assert server.end() == (0, "")
    inbox = home / "inbox"
    meant = {"a/1.dcm": "0", "b/1.dcm": "1", "0/1.dcm": "1"}
    assert data_set(home) == {(inbox / name).read_bytes(): t for name, t in meant.items()}


def test_a_folder_of_something_else_is_left_as_it_is(home):
    mine = home / "out/anna/stage_2_train_images/x.dcm"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(AssertionError, match="holds what was not written here"):
        served(home)
    assert mine.read_bytes() == b"mine"


def test_a_file_that_is_gone_costs_its_own_label(home):
    server = served(home)
    name = "a/1.dcm"
    server.http.get(f"api/images/{server.images[name]['id']}/pixels")
    (home / "inbox" / name).unlink()
    put(server, name, "clear")
    assert put(server, "1.dcm", "clear").status_code == 200
    assert server.end() == (0, "")
    assert data_set(home) == {(home / "inbox/1.dcm").read_bytes(): "0"}


def test_another_file_under_a_name_that_was_read_is_refused(home):
    server = served(home)
    put(server, "1.dcm", "opacity")
    server.end()
    write(home / "inbox/new.dcm", picture(12, False) // 7, 12)
    (home / "inbox/new.dcm").replace(home / "inbox/1.dcm")
    server = served(home)
    found = server.http.get(f"api/images/{server.images['1.dcm']['id']}/pixels")
    assert (found.status_code, "another file" in found.json()["refused"]) == (422, True)
    assert put(server, "1.dcm", "clear", revision=1).status_code == 422
    server.end()


def test_what_was_saved_before_a_kill_is_in_the_data_set_after_a_start(home):
    server = served(home)
    put(server, "1.dcm", "clear")
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    (home / "out/anna/stage_2_train_labels.csv").write_text("patientId,x,y,width,height,Target\n")
    server = served(home)
    assert data_set(home) == {(home / "inbox/1.dcm").read_bytes(): "0"}
    for path in [home / "out/anna", *(home / "out/anna").rglob("*.csv")]:
        assert path.stat().st_mode & 0o077 == 0, path
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def test_pictures_have_no_place_among_dicom_files(tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.png").write_bytes(b"\x89PNG")
    (inbox / "b.dcm").write_bytes(b"x")
    labelled = Labelled(tmp_path / "out", unlabelled(Path(inbox), b"s"))
    from pneumo.reading._readings import Reading

    labelled.write(lambda: {key: Reading(verdict="clear") for key in ("a.png", "b.dcm")})
    assert [p.name for p in (tmp_path / "out/stage_2_train_images").iterdir()] == ["b.dcm"]
