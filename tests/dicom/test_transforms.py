import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pneumo.dicom import read_radiograph
from pneumo.dicom._display import Display, Lut, Window
from pneumo.dicom._transforms import apply_table, grey_table, values_of, windowed
from tests.dicom.files import dataset, values, write

FUNCTIONS = st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])
WINDOWS = st.builds(Window, st.floats(-5e4, 5e4), st.floats(1, 1e5), FUNCTIONS)


def textbook(x, c, w, function):
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, pixel by pixel, y from 0 to 1."""
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - c) / w))
    if function == "LINEAR":
        if x <= c - 0.5 - (w - 1) / 2:
            return 0.0
        return 1.0 if x > c - 0.5 + (w - 1) / 2 else (x - (c - 0.5)) / (w - 1) + 0.5
    if x <= c - w / 2:
        return 0.0
    return 1.0 if x > c + w / 2 else (x - c) / w + 0.5


@given(st.integers(-30_000, 30_000), st.floats(-3e4, 3e4), st.floats(1, 6e4), FUNCTIONS)
def test_a_window_is_that_of_the_standard(x, centre, width, function):
    if function == "SIGMOID" and abs(x - centre) / width > 100:
        return
    found = windowed(np.array([float(x)]), Window(centre, width, function))[0]
    assert found == pytest.approx(textbook(x, centre, width, function), abs=1e-6)


@given(WINDOWS, st.integers(8, 12), st.booleans(), st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_grey_levels_rise_with_values_and_inversion_is_exact(window, bits, signed, slope, shift):
    display = Display(slope, shift, voi=window)
    grey = grey_table(display, bits, signed=signed).astype(int)
    in_order = grey[np.argsort(values_of(bits, signed=signed))]
    assert (np.diff(in_order) >= 0).all()
    inverse = grey_table(Display(slope, shift, voi=window, inverted=True), bits, signed=signed)
    assert (inverse == 255 - grey).all()


@given(st.integers(9, 14), st.booleans(), st.data())
def test_without_a_window_the_used_values_span_all_grey_levels(bits, signed, data):
    some = data.draw(st.sets(st.integers(0, 2**bits - 1), min_size=2, max_size=9))
    used = np.zeros(2**bits, bool)
    used[list(some)] = True
    grey = grey_table(Display(), bits, signed=signed, used=used)[used]
    assert (grey.min(), grey.max()) == (0, 255)


def test_a_table_maps_values_beyond_its_ends_to_its_ends():
    lut = Lut(10, np.array([0, 100, 255], np.uint16), 8)
    grey = grey_table(Display(voi=lut), 8, signed=False)
    assert grey[[0, 10, 11, 12, 255]].tolist() == [0, 0, 100, 255, 255]


def test_a_window_maps_its_whole_range_not_that_of_the_values(tmp_path):
    stored = values(12) // 4 + 1000
    data = dataset(stored, WindowCenter=[2048], WindowWidth=[4096], RescaleSlope=1,
                   RescaleIntercept=0)  # fmt: skip
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert (read == np.rint(((stored - 2047.5) / 4095 + 0.5) * 255)).all()


@pytest.mark.parametrize("signed", [False, True])
def test_modality_and_voi_tables_are_applied_in_turn_then_monochrome1(tmp_path, signed):
    stored = values(12, signed)
    data = dataset(stored, signed=signed, PhotometricInterpretation="MONOCHROME1")
    item, voi = Dataset(), Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [4096, int(stored.min()), 16], "US"
    item["LUTDescriptor"].VR = "SS" if signed else "US"
    curve = (np.arange(4096) ** 2 // 300).astype(np.uint16)
    item.add_new(0x00283006, "OW", curve.astype("<u2").tobytes())
    voi.add_new(0x00283002, "US", [56_000, 0, 10])
    voi.add_new(0x00283006, "OW", (np.arange(56_000) * 1023 // 55_999).astype("<u2").tobytes())
    data.ModalityLUTSequence, data.VOILUTSequence = [item], [voi]
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    modality = curve[stored - stored.min()].astype(int)
    shown = np.minimum(modality, 55_999) * 1023 // 55_999
    assert (read == 255 - np.rint(shown / 1023 * 255)).all()


def test_a_negative_slope_turns_grey_levels_round():
    assert (grey_table(Display(-1.0, 255.0), 8, signed=False) == np.arange(255, -1, -1)).all()


def test_a_large_picture_is_looked_up_in_blocks():
    codes = np.arange(3000 * 1000, dtype=np.uint32).reshape(3000, 1000).astype(np.uint16)
    table = grey_table(Display(), 16, signed=False)
    assert (apply_table(codes, table) == table[codes]).all()


@pytest.mark.parametrize(
    ("signed", "tags", "padding"),
    [
        (False, {"PixelPaddingValue": 0}, 0),
        (False, {"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4095}, 4050),
        (True, {"PixelPaddingValue": -2048}, -2048),
    ],
)
def test_padding_is_no_part_of_the_range(tmp_path, signed, tags, padding):
    stored = np.linspace(1000, 1500, 97 * 83).astype(int).reshape(97, 83)
    stored[:20] = padding
    pixels = read_radiograph(
        write(tmp_path / "a.dcm", dataset(stored, bits=12, signed=signed, **tags))
    ).pixels
    picture = pixels[20:]
    assert (picture.min(), picture.max()) == (0, 255)
    assert (pixels[:20] == 0).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize(("modality", "first"), [(False, -1500), (True, 40_000)])
def test_the_first_value_of_a_voi_table_has_the_sign_of_what_it_maps(
    tmp_path, syntax, modality, first
):
    stored = values(12, signed=True)
    data = dataset(stored, signed=True, syntax=syntax)
    voi, item = Dataset(), Dataset()
    voi.add_new(0x00283002, "US", [1024, first & 0xFFFF, 8])
    voi.add_new(0x00283006, "OW", (np.arange(1024) // 4).astype("<u2").tobytes())
    if modality:
        item.add_new(0x00283002, "SS", [4096, -2048, 16])
        item.add_new(0x00283006, "OW", np.arange(38_000, 42_096).astype("<u2").tobytes())
        data.ModalityLUTSequence = [item]
    data.VOILUTSequence = [voi]
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    shown = stored + 40_048 if modality else stored
    assert (read == (shown - first).clip(0, 1023) // 4).all()
