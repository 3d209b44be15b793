import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from pneumo.base.settings import DemoSettings
from pneumo.stages.demo import demo
from pneumo.synthetic.opacities import visible_box
from pneumo.synthetic.plan import OPACITY, plan
from pneumo.synthetic.pose import draw_build, draw_pose
from pneumo.synthetic.skeleton import spine_path

IMAGES = 30


def made(folder, seed=5, workers=2):
    demo(folder, demo=DemoSettings(images=IMAGES, seed=seed), workers=workers)
    return folder


def sums(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture(scope="module")
def labels(folder):
    return pd.read_csv(folder / "stage_2_train_labels.csv")


@pytest.fixture(scope="module")
def classes(folder):
    return pd.read_csv(folder / "stage_2_detailed_class_info.csv")


@pytest.fixture(scope="module")
def patients(folder):
    return pd.read_csv(folder / "patients.csv", dtype={"person": str})


@pytest.fixture(scope="module")
def headers(folder):
    files = sorted((folder / "stage_2_train_images").iterdir())
    return [pydicom.dcmread(path) for path in files]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_workers(folder, tmp_path):
    assert sums(made(tmp_path / "again", workers=1)) == sums(folder)


def test_another_seed_gives_other_images_and_names():
    one, other = plan(IMAGES, 5), plan(IMAGES, 6)
    assert not {case.patient_id for case in one} & {case.patient_id for case in other}
    assert [case.finding for case in one] != [case.finding for case in other]


def test_labels_classes_and_patients_name_the_same_images_in_the_same_order(
    labels, classes, patients
):
    assert labels["patientId"].tolist() == classes["patientId"].tolist()  # a row per box in both
    assert labels["patientId"].unique().tolist() == patients["patientId"].tolist()
    assert len(patients) == IMAGES


def test_every_image_has_its_file_and_no_other_file_is_there(folder, patients):
    files = {path.stem for path in (folder / "stage_2_train_images").iterdir()}
    assert files == set(patients["patientId"])


def test_boxes_are_there_exactly_where_the_class_is_lung_opacity(labels, classes):
    positive = classes["class"] == OPACITY
    assert (labels["Target"] == positive.astype(int)).all()
    assert (labels[["x", "y", "width", "height"]].notna().all(axis=1) == positive).all()
    assert set(classes["class"]) == {"Normal", "No Lung Opacity / Not Normal", OPACITY}


def test_boxes_lie_inside_the_image_and_are_of_a_visible_size(labels):
    boxes = labels.dropna()
    assert (boxes[["x", "y"]] >= 0).all(axis=None)
    assert (boxes["x"] + boxes["width"] <= 1024).all()
    assert (boxes["y"] + boxes["height"] <= 1024).all()
    assert (boxes[["width", "height"]] >= 64).all(axis=None)


def test_no_box_reaches_across_the_spine(labels):
    boxes = labels.dropna().set_index("patientId")
    for case in plan(IMAGES, 5):
        if case.finding != OPACITY:
            continue
        build = draw_build(np.random.default_rng([5, 1, case.person]), case.sex, case.age)
        pose = draw_pose(np.random.default_rng([5, 2, case.index]), case.view)
        for _, box in boxes.loc[[case.patient_id]].iterrows():
            rows = np.array([box["y"], box["y"] + box["height"]])
            line = spine_path(build, pose, np.linspace(-200, 1300, 60))
            spine = np.interp(rows, line[:, 1], line[:, 0])
            assert (box["x"] > spine).all() or (box["x"] + box["width"] < spine).all()


def test_boxes_of_one_image_hardly_overlap(labels):
    for _, boxes in labels.dropna().groupby("patientId"):
        drawn = np.zeros((1024, 1024), int)
        for _, box in boxes.iterrows():
            x, y, width, height = (int(box[key]) for key in ("x", "y", "width", "height"))
            drawn[y : y + height, x : x + width] += 1
        assert (drawn > 1).sum() < 0.1 * (drawn > 0).sum()


def test_every_file_is_an_8_bit_jpeg_of_a_frontal_chest_with_the_tags_of_rsna(headers, patients):
    known = patients.set_index("patientId")
    for header in headers:
        person = known.loc[header.PatientID]
        assert header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
        assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1"
        assert (header.Modality, header.BodyPartExamined) == ("CR", "CHEST")
        assert (header.ConversionType, header.PhotometricInterpretation) == ("WSD", "MONOCHROME2")
        assert (header.Rows, header.Columns, header.BitsStored) == (1024, 1024, 8)
        assert (header.ViewPosition, header.PatientSex) == (person["view"], person["sex"])
        assert header.PatientAge == f"{person['age']:03d}Y"
        assert header.PixelSpacing[0] == pytest.approx(person["pixel_spacing_mm"])


def test_every_file_decodes_to_a_picture_with_dark_lungs_and_bright_abdomen(headers):
    for header in headers:
        pixels = header.pixel_array
        assert pixels.shape == (1024, 1024)
        assert pixels.dtype == np.uint8
        lung, abdomen = pixels[300:500, 250:400], pixels[850:950, 430:600]
        assert abdomen.mean() > lung.mean() + 15


def test_unique_identifiers_are_unique(headers):
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        assert len({header[name].value for header in headers}) == IMAGES


def test_some_people_have_several_images_and_keep_their_sex_and_age(patients):
    assert patients["person"].nunique() < IMAGES
    assert (patients.groupby("person")[["sex", "age"]].nunique() == 1).all(axis=None)


def test_400_images_have_the_planned_mix_of_classes_views_and_people():
    cases = pd.DataFrame([vars(case) for case in plan(400, 1)])
    share = cases["finding"].value_counts(normalize=True)
    positive = (cases["finding"] == OPACITY).groupby(cases["view"]).mean()
    assert share[OPACITY] == pytest.approx(0.35, abs=0.01)
    assert share["Normal"] == pytest.approx(0.30, abs=0.01)
    assert positive["AP"] > 1.5 * positive["PA"]
    assert 1.25 < 400 / cases["person"].nunique() < 1.45


def test_a_failure_leaves_an_older_folder_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept.txt").write_text("here")
    monkeypatch.setattr("pneumo.stages.demo._draw_all", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made(tmp_path / "data")
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "kept.txt"]


def test_the_visible_box_is_the_tight_extent_of_the_core():
    density = np.zeros((512, 512), np.float32)
    density[100:150, 200:300] = 0.1  # faint rim
    density[110:140, 210:290] = 0.8  # core
    assert visible_box(density) == (420, 220, 160, 60)


def test_the_stage_loads_no_settings_library():
    code = "import sys, pneumo.stages.demo; sys.exit('pydantic' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
