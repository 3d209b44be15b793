"""What is written about one radiograph of every kind, read by pydicom, NumPy and dicom3tools."""

import os
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread, uid

from pneumo.dicom.identity import data_set_sum
from pneumo.dicom.ours import ours
from pneumo.findings import check, write
from tests.dicom import files
from tests.findings.made import (
    BOXES,
    MODEL,
    errors_of,
    index_of,
    items,
    needs_dciodvfy,
    objects_of,
    radiograph,
    rectangles,
    refused_in,
    results,
    sides,
    values,
)

CHECKER = Path(os.environ.get("PNEUMO_SHARED", "")) / "tools/check_objects.py"
JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
CHINESE = "Wang^XiaoDong=王^小东乗"
TALL, WIDE = (200, 90), (90, 200)
FORMS = {
    "plain": {},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"},
    "Latin-1": {"PatientName": "Äneas^Rüdiger"},
    "Japanese": {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": JAPANESE},
    "Chinese": {"SpecificCharacterSet": "GB18030", "PatientName": CHINESE},
    "UTF-8": {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Αλέξης^김"},
    "no character set": {"SpecificCharacterSet": None},
    "empty Study ID": {"StudyID": "", "AccessionNumber": "", "ReferringPhysicianName": ""},
    "no Study ID": {"StudyID": None, "PatientBirthDate": None, "StudyTime": None},
    "portrait": {"stored": files.values(shape=TALL), "PixelSpacing": [0.14, 0.14]},
    "landscape": {"stored": files.values(shape=WIDE)},
    "oblong pixels": {"PixelSpacing": [0.14, 0.28]},
    "oblong at the imager": {"ImagerPixelSpacing": [0.3, 0.2]},
    "aspect ratio alone": {"PixelAspectRatio": [3, 2]},
    "DX": {"SOPClassUID": uid.DigitalXRayImageStorageForPresentation, "Modality": "DX"},
    "window": {"WindowCenter": [2000, 1000], "WindowWidth": [3000, 900]},
    "sigmoid": {"WindowCenter": 2000, "WindowWidth": 3000, "VOILUTFunction": "SIGMOID"},
    "rescaled": {"RescaleSlope": "2", "RescaleIntercept": "-1024", "RescaleType": "US"},
    "slope alone": {"RescaleSlope": "0.5"},
    "intercept alone": {"RescaleIntercept": "-10"},
    "blank rescale": {"RescaleSlope": "", "RescaleIntercept": ""},
    "no body part": {"BodyPartExamined": None},
    "offset": {"TimezoneOffsetFromUTC": "+0930"},
    "implicit": {"syntax": uid.ImplicitVRLittleEndian},
    "big endian": {"syntax": uid.ExplicitVRBigEndian},
    "JPEG-LS": {"syntax": uid.JPEGLSLossless},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def world(folder):
    """(form, whether something was called) -> the objects by kind; all written by one run."""
    made = {}
    for number, (form, tags) in enumerate(FORMS.items(), start=1):
        for called in (True, False):
            path = folder / f"inbox/{number}{'p' * called}.dcm"
            radiograph(path, number=2 * number + called, **tags)
            made[path] = (form, called)
    boxes = {path: BOXES if called else [] for path, (_, called) in made.items()}
    found = write(results(folder / "results", boxes), folder / "objects", secondary="all")
    assert (found["refused"], found["sr"], found["sc"]) == (0, len(made), len(made)), found
    by_uid = {str(dcmread(path).SOPInstanceUID): key for path, key in made.items()}
    objects = {key: {} for key in made.values()}
    for row in index_of(folder / "objects"):
        path = folder / "objects" / row["file"]
        objects[by_uid[row["source_sop_instance_uid"]]][row["kind"]] = path
    return objects


def shown(world, form, kind, called=True):
    return dcmread(world[form, called][kind])


def written(tmp_path, boxes=BOXES, secondary="none", **tags):
    path = radiograph(tmp_path / "inbox/one.dcm", **tags)
    found = write(
        results(tmp_path / "results", {path: boxes}), tmp_path / "objects", secondary=secondary
    )
    assert (found["refused"], found["sr"], found["gsps"]) == (0, 1, 1), found
    return objects_of(tmp_path / "objects")


@needs_dciodvfy
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("called", [True, False])
def test_no_object_of_any_form_has_an_error(world, form, called):
    faults = {kind: errors_of(path) for kind, path in world[form, called].items()}
    assert faults == {"sr": [], "gsps": [], "sc": []}


@pytest.mark.skipif(not CHECKER.is_file(), reason="PNEUMO_SHARED has no checker of objects")
@pytest.mark.usefixtures("world")
def test_a_checker_that_shares_nothing_with_pneumo_finds_nothing(folder):
    table, inbox = folder / "results/predictions.csv", folder / "inbox"
    command = [sys.executable, CHECKER, folder / "objects", table, inbox]
    command += ["--allow-warning", "needed to build DICOMDIR"]  # one source has no Study Time
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-3000:]
    assert " 0 failed" in told.stdout


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["sr", "gsps"])
def test_boxes_are_where_the_row_has_them_in_stored_pixels(world, form, kind):
    found = rectangles(shown(world, form, kind))
    np.testing.assert_allclose(found, sides(BOXES), rtol=0, atol=1e-3)
    assert rectangles(shown(world, form, kind, called=False)) == []


def test_a_plate_of_5000_pixels_keeps_its_boxes_within_a_thousandth(tmp_path):
    boxes = [{"x": 4123.4567, "y": 17.123, "width": 876.5, "height": 3999.876, "confidence": 0.9}]
    stored = np.tile(np.arange(5000, dtype=np.int64) % 256, (4200, 1))
    found = written(tmp_path, boxes, "all", stored=stored, bits=8, allocated=8)
    for kind in ("sr", "gsps"):
        np.testing.assert_allclose(rectangles(found[kind]), sides(boxes), rtol=0, atol=1e-3)
    (area,) = found["gsps"].DisplayedAreaSelectionSequence
    assert area.DisplayedAreaBottomRightHandCorner == [5000, 4200]
    assert (found["sc"].Rows, found["sc"].Columns) == (860, 1024)


@pytest.mark.parametrize(
    ("form", "name"),
    [("Latin-1", "Äneas^Rüdiger"), ("Japanese", JAPANESE), ("Chinese", CHINESE),
     ("UTF-8", "Αλέξης^김"), ("plain", "Doe^Jane")],
)  # fmt: skip
def test_names_are_the_sources_in_utf_8(world, form, name):
    for kind in ("sr", "gsps", "sc"):
        dataset = shown(world, form, kind)
        assert dataset.SpecificCharacterSet == "ISO_IR 192"
        assert str(dataset.PatientName) == name
        raw = dataset.PatientName.original_string
        assert raw.decode("utf-8").rstrip() == name


@pytest.mark.parametrize(
    ("form", "shape"), [("plain", "IDENTITY"), ("MONOCHROME1", "INVERSE"), ("DX", "IDENTITY")]
)
def test_the_polarity_is_that_of_the_photometric_interpretation(world, form, shape):
    assert shown(world, form, "gsps").PresentationLUTShape == shape


@pytest.mark.parametrize(
    ("form", "ratio"),
    [("plain", [1, 1]), ("oblong pixels", [1, 2]), ("oblong at the imager", [3, 2]),
     ("aspect ratio alone", [3, 2]), ("portrait", [1, 1])],
)  # fmt: skip
def test_the_whole_image_is_displayed_in_its_shape(world, form, ratio):
    dataset = shown(world, form, "gsps")
    (area,) = dataset.DisplayedAreaSelectionSequence
    rows, columns = FORMS[form].get("stored", files.values()).shape
    assert area.DisplayedAreaTopLeftHandCorner == [1, 1]
    assert area.DisplayedAreaBottomRightHandCorner == [columns, rows]
    assert area.PresentationPixelAspectRatio == ratio


@pytest.mark.parametrize(
    ("form", "shape", "scale"),
    [
        ("plain", (1024, 876), (1024 / 97, 1024 / 97)),
        ("portrait", (1024, 461), (5.12, 5.12)),
        ("landscape", (461, 1024), (5.12, 5.12)),
        ("oblong pixels", (598, 1024), (2 * 1024 / 166, 1024 / 166)),
    ],
)
def test_the_picture_has_square_pixels_and_its_boxes_in_place(world, form, shape, scale):
    """Amber is nowhere in a grey picture but where something was drawn."""
    picture = shown(world, form, "sc")
    pixels = picture.pixel_array
    assert pixels.shape[:2] == shape
    amber = (pixels == (255, 200, 0)).all(-1)
    across, down = scale
    x, y, width, height = sides(BOXES)[0]
    left, top = round(x * across), round(y * down)
    right, bottom = round((x + width) * across), round((y + height) * down)
    assert amber[top : top + 3, left + 3 : right - 3].any(0).all()
    assert amber[bottom - 4 : bottom, left + 3 : right - 3].any(0).all()
    assert amber[top + 3 : bottom - 3, left : left + 3].any(1).all()
    assert amber[top + 3 : bottom - 3, right - 4 : right].any(1).all()
    assert not amber[: top - 2, : left - 2].any()
    assert (picture.BurnedInAnnotation, picture.Modality) == ("YES", "OT")


def test_the_window_and_the_rescale_are_the_sources(world):
    window = shown(world, "window", "gsps").SoftcopyVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == ([2000, 1000], [3000, 900])
    rescaled = shown(world, "rescaled", "gsps")
    assert (rescaled.RescaleSlope, rescaled.RescaleIntercept) == (2, -1024)
    assert "SoftcopyVOILUTSequence" not in rescaled
    sigmoid = shown(world, "sigmoid", "gsps").SoftcopyVOILUTSequence[0]
    assert sigmoid.VOILUTFunction == "SIGMOID"


@pytest.mark.parametrize(
    ("form", "rescale"),
    [("slope alone", (0.5, 0)), ("intercept alone", (1, -10)), ("blank rescale", (None, None))],
)
def test_half_a_rescale_is_carried_as_it_is_read(world, form, rescale):
    """What is missing changes nothing; a presentation state has both or none."""
    dataset = shown(world, form, "gsps")
    assert (dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")) == rescale


@pytest.mark.parametrize(
    "tags",
    [{"WindowCenter": "", "WindowWidth": ""}, {"WindowCenter": "100", "WindowWidth": ""},
     {"RescaleSlope": "0", "RescaleIntercept": "5"}],
)  # fmt: skip
def test_blank_windows_and_a_slope_of_0_are_not_carried(tmp_path, tags):
    """A transformation that is not told is the identity (PS3.3 C.11.8)."""
    dataset = written(tmp_path, **tags)["gsps"]
    unwanted = {"SoftcopyVOILUTSequence", "RescaleSlope", "RescaleIntercept"}
    assert unwanted & {element.keyword for element in dataset} == set()
    if shutil.which("dciodvfy"):
        assert [errors_of(path) for path in (tmp_path / "objects").glob("*.dcm")] == [[], []]


@pytest.mark.parametrize(
    ("spacing", "ratio"),
    [([0.0001, 10], [1, 100000]), ([10, 0.0001], [100000, 1]), ([0.0007, 1], [7, 10000]),
     ([1e-9, 10], [1, 1])],
)  # fmt: skip
def test_no_shape_of_a_pixel_has_a_side_of_0(tmp_path, spacing, ratio):
    """One that whole numbers of VR IS cannot tell is taken for none."""
    (area,) = written(tmp_path, PixelSpacing=spacing)["gsps"].DisplayedAreaSelectionSequence
    high, wide = area.PresentationPixelAspectRatio
    assert high > 0
    assert wide > 0
    assert high / wide == pytest.approx(ratio[0] / ratio[1], rel=1e-3)
    if shutil.which("dciodvfy"):
        assert [errors_of(path) for path in (tmp_path / "objects").glob("*.dcm")] == [[], []]


def lut(entries, bits, first=0):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(entries), first, bits], entries
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return item


TABLES = {
    "VOI of 12 bits": ({"VOILUTSequence": [lut([0, 1365, 2730, 4095], 12, 5)]}, 5,
                       [0, 21845, 43690, 65535]),
    "VOI of 16 bits": ({"VOILUTSequence": [lut([1, 300, 65535], 16)]}, 0, [1, 300, 65535]),
    "modality": ({"ModalityLUTSequence": [lut([4095, 2730, 1365, 0], 12, 7)]}, 7,
                 [65535, 43690, 21845, 0]),
    "modality, then a window": (
        {"ModalityLUTSequence": [lut([10, 20, 30, 40], 16)], "WindowCenter": 20.5,
         "WindowWidth": 21}, 0, [0, 32768, 65535, 65535]),
    "modality, then VOI": (
        {"ModalityLUTSequence": [lut([2, 1, 0, 9], 16)],
         "VOILUTSequence": [lut([0, 1365, 4095], 12)]}, 0, [65535, 21845, 0, 65535]),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "syntax",
    [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian],
    ids=lambda syntax: syntax.name,
)
def test_look_up_tables_do_what_the_sources_do_in_every_byte_order(tmp_path, name, syntax):
    tags, first, entries = TABLES[name]
    sequences = {k: Sequence(deepcopy(v)) if isinstance(v, list) else v for k, v in tags.items()}
    found = written(tmp_path, syntax=syntax, **sequences)["gsps"]
    assert "ModalityLUTSequence" not in found
    (table,) = found.SoftcopyVOILUTSequence[0].VOILUTSequence
    assert list(table.LUTDescriptor) == [len(entries), first, 16]
    assert np.frombuffer(table.LUTData, "<u2").tolist() == pytest.approx(entries, abs=1)
    if shutil.which("dciodvfy"):
        assert [errors_of(path) for path in (tmp_path / "objects").glob("*.dcm")] == [[], []]


def test_a_report_says_what_was_found_and_by_whom(tmp_path):
    report = written(tmp_path)["sr"]
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    flags = (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag)
    assert flags == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
    assert values(report, "111017") == ["111242"]
    assert values(report, "121071") == ["112001", "112001"]
    assert values(report, "363698007") == ["39607008", "39607008"]
    assert values(report, "111003") == ["7", "7"]
    assert values(report, "111002")[:3] == [
        f"sha256={MODEL}",
        "engine=openvino",
        "precision=float32",
    ]
    assert len(set(values(report, "112040"))) == 2
    (comment,) = values(report, "121106")
    assert "probability of an opacity on the image 0.812346" in comment
    assert MODEL in comment
    assert comment.endswith("For research, not for clinical use.")


def test_a_negative_radiograph_has_a_report_that_says_so(tmp_path):
    found = written(tmp_path, [])
    assert values(found["sr"], "111017") == ["111241"]
    assert [i for i in items(found["sr"]) if i.ValueType == "SCOORD"] == []
    (annotation,) = found["gsps"].GraphicAnnotationSequence
    assert "No opacity called" in annotation.TextObjectSequence[0].UnformattedTextValue
    assert "GraphicObjectSequence" not in annotation


def test_highdicom_reads_the_report(tmp_path):
    from highdicom.sr import srread

    written(tmp_path)
    (path,) = (
        tmp_path / "objects" / row["file"]
        for row in index_of(tmp_path / "objects")
        if row["kind"] == "sr"
    )
    groups = srread(path).content.get_planar_roi_measurement_groups()
    regions = [np.array(group.roi.value)[:4] for group in groups]
    found = [(*r.min(0), *(r.max(0) - r.min(0))) for r in regions]
    np.testing.assert_allclose(found, sides(BOXES), atol=1e-3)
    assert [group.finding_type.meaning for group in groups] == ["Opacity", "Opacity"]


def test_objects_are_in_the_sources_study_each_in_a_series_of_its_own(tmp_path):
    found = written(tmp_path, secondary="all")
    uids = {str(dataset.SeriesInstanceUID) for dataset in found.values()}
    assert len(uids) == len(found) == 3
    for dataset in found.values():
        assert ours(dataset)
        assert dataset.StudyInstanceUID == "1.2.826.0.1.3680043.9.9999.1.1"
        assert dataset.SeriesInstanceUID.startswith("2.25.")
        assert (dataset.PatientID, dataset.StudyDate, dataset.StudyTime) == (
            "P1", "20260102", "131415.5"
        )  # fmt: skip
        references = [e.value for e in dataset.iterall() if e.keyword == "ReferencedSOPInstanceUID"]
        assert set(references) == {"1.2.826.0.1.3680043.9.9999.1.3"}


def test_the_time_is_that_of_scoring_in_the_sources_zone(tmp_path):
    utc = written(tmp_path / "utc")["sr"]
    assert (utc.ContentDate, utc.ContentTime) == ("20260329", "013005")
    there = written(tmp_path / "there", **FORMS["offset"])["sr"]
    assert (there.ContentDate, there.ContentTime) == ("20260329", "110005")
    assert there.TimezoneOffsetFromUTC == "+0930"


def test_nothing_is_made_up_that_the_source_lacks(tmp_path):
    found = written(tmp_path)
    unknown = ("FrameOfReferenceUID", "PixelSpacing", "ImagerPixelSpacing", "Laterality",
               "InstitutionName", "OperatorsName", "PatientAge")  # fmt: skip
    for dataset in found.values():
        assert [name for name in unknown if name in dataset] == []
        assert [element for element in dataset.iterall() if element.tag.is_private] == []
        assert str(dataset.get("PatientOrientation", "") or "") == ""


def test_the_index_names_every_object_with_its_sums(tmp_path):
    found = written(tmp_path, secondary="all")
    rows = index_of(tmp_path / "objects")
    assert {row["kind"] for row in rows} == set(found) == {"sr", "gsps", "sc"}
    for row in rows:
        path = tmp_path / "objects" / row["file"]
        assert row["object_sum"] == data_set_sum(path)
        assert row["source_sum"] == data_set_sum(tmp_path / "inbox/one.dcm")
        assert row["sop_instance_uid"] == found[row["kind"]].SOPInstanceUID
        assert row["model"] == MODEL
        assert "Doe" not in row["file"]
    names = {path.name for path in (tmp_path / "objects").glob("*.dcm")}
    assert names == {row["file"] for row in rows}


def test_a_picture_that_cannot_be_drawn_costs_itself_alone(tmp_path):
    """A window of width 0 is none: report and presentation state do without."""
    bad = {"WindowCenter": "100", "WindowWidth": "0"}
    paths = [radiograph(tmp_path / f"inbox/{n}.dcm", number=n, **(bad if n == 2 else {}))
             for n in (1, 2, 3)]  # fmt: skip
    folder = results(tmp_path / "results", dict.fromkeys(paths, BOXES))
    for _ in range(2):
        found = write(folder, tmp_path / "objects", secondary="all")
        assert (found["radiographs"], found["sr"], found["gsps"], found["sc"]) == (3, 3, 3, 2)
        assert found["reasons"] == {"bad_window": 1}
    (row,) = refused_in(tmp_path / "objects")
    assert (row["file"], row["reason"]) == (str(paths[1]), "bad_window")
    assert row["message"].startswith("cannot be drawn: ")
    assert len(index_of(tmp_path / "objects")) == 8
    assert check(tmp_path / "objects", folder, tmp_path / "inbox").faults == []


@pytest.mark.parametrize(
    ("review", "reason", "said"),
    [
        ("", "", ""),
        # what its batch decides would make another report of the same answer
        ("uncertain", "", ""),
        ("uncertain", "its probability is near the operating point", ""),
        (
            "uncertain",
            "the networks disagree about it",
            " Read first: the networks disagree about it.",
        ),
        ("turned", "", " Read first: it seems to be turned, or its grey levels reversed."),
    ],
)
def test_a_report_says_why_it_should_be_read_first(tmp_path, review, reason, said):
    path, why = radiograph(tmp_path / "inbox/one.dcm"), {"review": review, "review_reason": reason}
    write(results(tmp_path / "results", {path: BOXES}, **why), tmp_path / "objects")
    (comment,) = [
        item.TextValue
        for item in items(objects_of(tmp_path / "objects")["sr"])
        if "TextValue" in item and "probability of an opacity" in item.TextValue
    ]
    assert comment.endswith(f"clinical use.{said}")
