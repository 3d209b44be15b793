"""Numbers that devices write against the standard: commas, widths; and what a refusal says."""

import numpy as np
import pytest
from pydicom import uid
from pydicom.datadict import tag_for_keyword

from pneumo.base.errors import DataError, RadiographError
from pneumo.cli.commands.inspection import check
from pneumo.dicom import read_radiograph
from tests.dicom.files import dataset, reference, values, write

STORED = values(12)
UNUSED = ["CANARY^Name", "19500312", "1950-03-12"]


def file_with(path, syntax=uid.ExplicitVRLittleEndian, *, stored=STORED, **texts):
    """A file whose decimal strings hold texts that pydicom would not write."""
    held = {name: "9" * len(text) for name, text in texts.items()}
    file = write(path / "a.dcm", dataset(stored, syntax=syntax, **held))
    whole = file.read_bytes()
    for name, text in texts.items():
        number = tag_for_keyword(name)
        group, element = (
            (number >> 16).to_bytes(2, "little"),
            (number & 0xFFFF).to_bytes(2, "little"),
        )
        if syntax == uid.ExplicitVRBigEndian:
            group, element = group[::-1], element[::-1]
        at = whole.index(b"9" * len(text), whole.index(group + element))
        whole = whole[:at] + text.encode() + whole[at + len(text) :]
    file.write_bytes(whole)
    return file

    return tag_for_keyword(name)


def windowed(values, centre, width):
    return np.rint(((values - centre + 0.5) / (width - 1) + 0.5).clip(0, 1) * 255)


def exactly(values, centre, width):
    return np.rint(((values - centre) / width + 0.5).clip(0, 1) * 255)


def refusal(path) -> RadiographError:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    return caught.value


@pytest.mark.parametrize("syntax", [
    uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian,
    uid.JPEG2000Lossless,
])  # fmt: skip
@pytest.mark.parametrize(("centre", "width"), [
    ("2047,5", "4096"), ("2047.5", "4095,75"), ("2047,5", "4000,25"), ("0,2E4", "4E3"),
])  # fmt: skip
def test_a_decimal_comma_is_read_as_a_point_with_a_note(tmp_path, syntax, centre, width):
    read = read_radiograph(file_with(tmp_path, syntax, WindowCenter=centre, WindowWidth=width))
    c, w = (float(text.replace(",", ".")) for text in (centre, width))
    assert (read.pixels == windowed(STORED, c, w)).all()
    assert list(read.notes) == ["decimal_comma"]


def test_a_rescale_and_a_spacing_may_have_a_decimal_comma(tmp_path):
    path = file_with(
        tmp_path, RescaleSlope="0,5", RescaleIntercept="-100,5", WindowCenter="900",
        WindowWidth="2000", PixelSpacing="0,143\\0,143",
    )  # fmt: skip
    read = read_radiograph(path)
    assert (read.pixels == windowed(STORED * 0.5 - 100.5, 900, 2000)).all()
    assert list(read.notes) == ["decimal_comma"]
    assert read.spacing_mm == 0.143


@pytest.mark.parametrize(
    "text", ["1,234,5", "1,234", "40,400", "-1,000", "1.234,5", "12a", "1_000"]
)
@pytest.mark.parametrize(
    "name", ["WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"]
)
def test_a_number_that_may_be_another_is_refused_and_shown(tmp_path, text, name):
    texts = {"WindowCenter": "500", "WindowWidth": "800", "RescaleSlope": "1",
             "RescaleIntercept": "0", name: text}  # fmt: skip
    error = refusal(file_with(tmp_path, **texts))
    assert error.reason == "bad_header"
    assert "(0028,105" in str(error)
    assert f"'{text}'" in str(error) or (text == "12a" and "a text of 3 characters" in str(error))


@pytest.mark.parametrize("text", UNUSED)
def test_what_may_be_a_person_in_place_of_a_number_is_not_shown(tmp_path, text):
    path = file_with(tmp_path, WindowCenter=text + ",,", WindowWidth="800")
    assert text not in str(refusal(path))
    assert "a text of " in str(refusal(path))


@pytest.mark.parametrize(("slope", "centre", "width"), [
    (0.0002442002, 0.5, 0.999), (0.0002442002, 0.3, 0.25), (0.0001, 0.2, 0.4096),
    (-0.0005, -1, 0.9),
])  # fmt: skip
def test_a_width_under_1_that_spans_values_is_exact_with_a_note(tmp_path, slope, centre, width):
    data = dataset(STORED, RescaleSlope=slope, RescaleIntercept=0, WindowCenter=centre,
                   WindowWidth=width)  # fmt: skip
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (
        np.abs(read.pixels - exactly(STORED * slope, centre, width)).max() <= 0.5 + 1e-6
        or (read.pixels == exactly(STORED * slope, centre, width)).all()
    )
    assert "window_exact" in read.notes


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centres", "widths"), [
    ([500, 2048], [0, 4096]), ([500, 2048], [-3, 4096]), (["", 2048], [100, 4096]),
    ([500, 2048], ["", 4096]), ([1, 2, 2048], [0, 0, 4096]), ([500, 2048, 9], [0, 4096, 7]),
])  # fmt: skip
def test_the_first_window_that_can_be_used_is_used_with_a_note(tmp_path, function, centres, widths):
    data = dataset(STORED, WindowCenter=centres, WindowWidth=widths, VOILUTFunction=function)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    alone = dataset(STORED, WindowCenter=2048, WindowWidth=4096, VOILUTFunction=function)
    expected = read_radiograph(write(tmp_path / "b.dcm", alone))
    assert (read.pixels == expected.pixels).all()
    assert (list(read.notes), expected.notes) == (["window_passed_over"], {})


@pytest.mark.parametrize(("centres", "widths"), [([1, 2], [0, 0]), ([1], [0]), (["", 3], [5, ""])])
def test_windows_none_of_which_can_be_used_are_refused_with_what_was_found(
    tmp_path, centres, widths
):
    error = refusal(
        write(tmp_path / "a.dcm", dataset(STORED, WindowCenter=centres, WindowWidth=widths))
    )
    assert error.reason == "bad_window"
    assert "(0028,105" in str(error)


@pytest.mark.parametrize("modality", ["cr", "Cr", "dx"])
def test_a_modality_in_small_letters_is_read_with_a_note(tmp_path, modality):
    read = read_radiograph(write(tmp_path / "a.dcm", dataset(STORED, Modality=modality)))
    assert (read.pixels == reference(STORED, 12)).all()
    assert list(read.notes) == ["modality_case"]


@pytest.mark.parametrize(("tags", "found"), [
    ({"Modality": "XC"}, "Modality is 'XC'"),
    ({"Modality": "ct"}, "Modality is 'ct'"),
    ({"Modality": ""}, "Modality is missing or blank"),
    ({"Modality": "CANARY^A"}, "Modality holds 8 characters that are no modality"),
    ({"Modality": "DOE JANE"}, "Modality holds 8 characters that are no modality"),
    ({"NumberOfFrames": 0}, "Number of Frames is 0, as if there were no picture"),
    ({"NumberOfFrames": 3}, "Number of Frames is 3; it must be 1"),
])  # fmt: skip
def test_a_refusal_shows_what_names_nobody(tmp_path, tags, found):
    error = refusal(write(tmp_path / "a.dcm", dataset(STORED, **tags)))
    assert found in str(error)
    assert error.reason != "multi_frame" or tags.get("NumberOfFrames") == 3


def test_a_dicomdir_is_named_as_one(tmp_path):
    data = dataset(STORED)
    del data.PixelData
    data.DirectoryRecordSequence = []
    error = refusal(write(tmp_path / "DICOMDIR", data))
    assert (error.reason, "is a DICOMDIR" in str(error)) == ("dicomdir", True)


def test_an_element_that_cannot_be_read_is_named_by_its_place(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(STORED))
    whole = path.read_bytes()
    at = whole.index(b"\x28\0\x10\0US")
    path.write_bytes(whole[: at + 4] + b"UN\0\0" + b"\xff" * 4 + whole[at + 8 :])
    error = refusal(path)
    assert error.reason in ("bad_header", "truncated")
    assert f"at byte {at:,}, after (0028,0004)" in str(error) or error.reason == "truncated"


def test_a_check_of_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such file or folder") as caught:
        check(tmp_path / "nowhere")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
