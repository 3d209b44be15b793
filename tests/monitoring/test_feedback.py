"""Verdicts as a data set: what training may see, who is kept for test, what is left out."""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from pneumo.base.errors import DataError
from pneumo.base.settings import DataSettings
from pneumo.dataset.dataset import open_dataset
from pneumo.dataset.sealed import is_sealed
from pneumo.dicom.read import read_radiograph
from pneumo.monitoring.feedback import feedback
from pneumo.monitoring.labels import take_in
from pneumo.prepared.format import load_prepared
from pneumo.site.sitekey import person_of, site_key
from pneumo.site.trail import look
from pneumo.stages.prepare import prepare
from pneumo.stages.validate import validate
from tests.monitoring.answers import Scored, write_results
from tests.monitoring.test_labels import SETTINGS

DAY = date(2026, 11, 25)
SECRET = ("Geheim^Gerda", "PID-77", "1.2.826.0.1.777")


class File(Scored):
    """A scored radiograph whose content is that of a file."""

    @property
    def content(self) -> str:
        return hashlib.sha256(Path(self.name).read_bytes()).hexdigest()


def hide(data: pydicom.Dataset) -> None:
    """Secrets in sequences, private items, overlays, and the comment of a JPEG's frame."""
    item, inner = pydicom.Dataset(), pydicom.Dataset()
    inner.add_new(0x00091001, "LO", SECRET[1])
    item.PatientID, item.OtherPatientIDsSequence = SECRET[1], [inner]
    data.RequestAttributesSequence = data.OtherPatientIDsSequence = [item]
    data.add_new(0x60003000, "OB", SECRET[1].encode() + b" ")
    data.WindowCenterWidthExplanation = SECRET[0]
    (frame,) = generate_frames(data.PixelData, number_of_frames=1)
    said = SECRET[0].encode()
    comment = b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said
    data.PixelData = encapsulate([frame[:2] + comment + frame[2:]])


@pytest.fixture
def site(tmp_path, monkeypatch, demo_root):
    """Twelve of the demo's radiographs in an inbox, of twelve people, read by one reader."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "trail.jsonl"))
    (tmp_path / "key").write_bytes(b"d" * 32)  # so that the same people are sealed every time
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("PNEUMO_SITE_KEY", str(tmp_path / "key"))
    inbox, key = tmp_path / "inbox", site_key()
    inbox.mkdir()
    sources = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[:12]
    scored, lines = [], ["content,reader,verdict,boxes,ai_seen,why"]
    for number, source in enumerate(sources):
        data = pydicom.dcmread(source)
        data.PatientName, data.PatientID, data.StudyInstanceUID = SECRET
        data.add_new(0x00091010, "LO", SECRET[0])
        data.ImageComments = SECRET[0]
        data.InstanceNumber = number
        hide(data)
        data.save_as(inbox / f"{SECRET[1]}-{number}.dcm")
        one = File(
            str(inbox / f"{SECRET[1]}-{number}.dcm"),
            number % 2 == 0,
            0.5,
            person_of(f"P{number}", key),
        )
        scored.append(one)
        verdict = "opacity,called" if one.called else "clear,"
        lines.append(f"{one.content},A,{verdict},no,audit")
    write_results(tmp_path / "results", scored)
    Path("labels.csv").write_text("\n".join(lines))
    take_in(Path("labels.csv"), tmp_path / "monitor", "Ada", DAY)
    prepared_index(tmp_path / "prepared", [("a", "x", "train")])
    return tmp_path, scored


def prepared_index(folder: Path, rows) -> None:
    folder.mkdir(exist_ok=True)
    table = pd.DataFrame(rows, columns=["patientId", "person", "split"])
    table.to_parquet(folder / "index.parquet")


def written(tmp_path, beside=None, files="inbox"):
    from pneumo.scoring.parts import Store

    lines = feedback(
        Store(tmp_path / "results").parts(), tmp_path / files, tmp_path / "feedback",
        tmp_path / "monitor", beside=beside, prepared=tmp_path / "prepared", by="Ada",
        monitor=SETTINGS,
    )  # fmt: skip
    return open_dataset(tmp_path / "feedback"), lines


def test_verdicts_become_a_data_set_that_names_nobody(site):
    tmp_path, scored = site
    data, lines = written(tmp_path)
    assert "12 radiographs of 12 people, 6 with an opacity" in lines[0]
    images = data.images()
    assert len(images) == 12
    assert images["target"].sum() == 6
    assert data.boxes()[["x", "y", "width", "height"]].drop_duplicates().to_numpy().tolist() == [
        [1, 2, 30, 20]
    ]
    kept = [*data.root.rglob("*"), *(tmp_path / "monitor").rglob("*"), tmp_path / "trail.jsonl"]
    everything = b"".join(p.read_bytes() for p in kept if p.is_file())
    everything += "".join([*lines, *map(str, kept)]).encode()
    for secret in SECRET:
        assert secret.encode() not in everything
    assert look().acts["feedback"] == 1
    by_name = {f"feedback-{one.content[:32]}": Path(one.name) for one in scored}
    for path in data.files:
        ours, theirs = (read_radiograph(p) for p in (path, by_name[path.stem]))
        assert np.array_equal(ours.pixels, theirs.pixels)
        ours, theirs = (pydicom.dcmread(p) for p in (path, by_name[path.stem]))
        for keyword in ("ViewPosition", "PatientSex", "PatientAge", "PixelSpacing", "Modality"):
            assert ours[keyword].value == theirs[keyword].value, keyword


def test_sealed_people_are_reserved_for_test_and_prepare_takes_the_data(site, demo_root):
    tmp_path, _ = site
    data, _ = written(tmp_path, beside=demo_root)
    images = data.images()
    sealed = images[images["person"].map(is_sealed)]
    assert set(data.reserved("reserved.csv")) == set(sealed["patientId"])
    assert 0 < len(sealed) < 12
    settings = DataSettings(
        root=str(data.root), size_px=32, train_images=None, validation_images=8, test_images=10,
        reserved_test="reserved.csv", frontal_only=True, seed=1,
    )  # fmt: skip
    prepare(tmp_path / "made", data=settings, workers=1)
    index = load_prepared(tmp_path / "made").index.set_index("patientId")
    assert set(index.loc[sealed["patientId"], "split"]) == {"test"}
    assert len(index) == 36 + 12
    with pytest.raises(DataError, match="sealed people would be trained or tuned on"):
        prepare(
            tmp_path / "wrong", data=settings.model_copy(update={"reserved_test": None}), workers=1
        )


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("known_by", ["patient", "image", "feedback"])
def test_a_person_of_validation_or_test_never_enters_training(site, split, known_by):
    tmp_path, scored = site
    open_ = next(n for n in range(12) if not is_sealed(f"feedback-{scored[n].person}"))
    name = {
        "patient": ("any", f"P{open_}"),  # the tables name people by their Patient ID
        "image": (f"P{open_}", "nih 12"),  # RSNA: the Patient ID names the image
        "feedback": ("any", f"feedback-{scored[open_].person}"),
    }[known_by]
    prepared_index(tmp_path / "prepared", [(*name, split)])
    data, lines = written(tmp_path)
    assert f"feedback-{scored[open_].person}" not in set(data.images()["person"])
    assert any(
        "1 radiographs are of people of the champion's validation or test" in t for t in lines
    )


def test_of_a_data_set_that_is_added_to_held_out_images_stay_held_out(site, demo_root):
    tmp_path, _ = site
    base = open_dataset(demo_root).images()
    held = base["patientId"].iloc[[0, 1, 2]].tolist()
    rows = [(name, name, ("validation", "test", "test")[n]) for n, name in enumerate(held)]
    prepared_index(tmp_path / "prepared", rows)
    data, _ = written(tmp_path, beside=demo_root)
    assert set(held) <= set(data.reserved("reserved.csv"))


def test_what_cannot_be_taken_in_is_counted_by_reason(site):
    tmp_path, scored = site
    Path(scored[0].name).unlink()
    more = [Scored("nobody", False), Scored("no boxes", True, person="p" * 32)]
    write_results(tmp_path / "results", more)
    text = f"content,reader,verdict\n{more[0].content},A,clear\n{more[1].content},A,opacity\n"
    Path("more.csv").write_text(text)
    take_in(Path("more.csv"), tmp_path / "monitor", "Ada", DAY)
    _, lines = written(tmp_path)
    assert {line for line in lines if line.startswith("left out: ")} == {
        "left out: 1 radiographs are not in the folder any more",
        "left out: 1 opacities have no boxes; name them in the column boxes, or write called",
        "left out: 1 radiographs name no person, so nobody can say that theirs are not held out",
    }


def test_boxes_are_cut_to_their_radiograph_and_the_table_is_valid(site):
    tmp_path, scored = site
    size = pydicom.dcmread(scored[0].name, stop_before_pixels=True)
    rows, columns = float(size.Rows), float(size.Columns)
    drawn = {
        0: [[-40.0, -40.0, 90.0, 90.0], [0.0, 0.0, 50.0, 50.0], [columns + 1, 0.0, 5.0, 5.0]],
        1: [[columns - 10, rows - 20, 50.0, 50.0]],
        2: [[-9.0, -9.0, 3.0, 3.0]],
    }
    table = [f'{scored[n].content},A,opacity,"{boxes}",no,audit\n' for n, boxes in drawn.items()]
    Path("more.csv").write_text("content,reader,verdict,boxes,ai_seen,why\n" + "".join(table))
    take_in(Path("more.csv"), tmp_path / "monitor", "Ada", DAY)
    data, lines = written(tmp_path)
    boxes = data.boxes().set_index("patientId")[["x", "y", "width", "height"]]
    name = [f"feedback-{one.content[:32]}" for one in scored]
    assert boxes.loc[[name[0]]].to_numpy().tolist() == [[0, 0, 50, 50]]
    assert boxes.loc[[name[1]]].to_numpy().tolist() == [[columns - 10, rows - 20, 10, 20]]
    assert name[2] not in set(data.images()["patientId"])
    assert {line for line in lines if "outside" in line} == {
        "left out: 1 boxes lie outside their radiographs, which have others",
        "left out: 1 radiographs have boxes that lie outside them alone",
    }
    settings = DataSettings(
        root=str(data.root), size_px=32, train_images=None, validation_images=1, test_images=1,
        reserved_test="reserved.csv", frontal_only=True, seed=1,
    )  # fmt: skip
    validate(tmp_path / "validation.json", tmp_path / "docs", data=settings)  # or raises


def test_without_prepared_data_nobody_knows_who_is_held_out(site):
    tmp_path, _ = site
    (tmp_path / "prepared/index.parquet").unlink()
    with pytest.raises(DataError, match="nobody knows who is held out"):
        written(tmp_path)
    assert not (tmp_path / "feedback").exists()
