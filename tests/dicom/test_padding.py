"""Padding is background: black in the result, and no part of the range (PS3.3 C.7.5.1.1.2)."""

import numpy as np
import pytest
from pydicom import uid

from pneumo.dicom import read_radiograph, read_square
from tests.dicom.files import LOSSLESS, dataset, values, write

EDGE = np.s_[:, :20]


def padded(bits, padding, *, signed=False, shape=(97, 83)):
    """A picture over the middle half of the range, with 20 columns and a corner of padding."""
    stored = values(bits, signed, shape) // 2 + (0 if signed else 2 ** (bits - 2))
    stored[:, :20] = padding
    stored[-15:, -15:] = padding
    outside = np.zeros(shape, bool)
    outside[:, :20] = outside[-15:, -15:] = True
    return stored, outside


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("end", ["low", "high"])
def test_padding_is_black_and_out_of_the_range_in_every_syntax(tmp_path, syntax, photometric, end):
    value = 0 if end == "low" else 4095
    stored, outside = padded(12, value)
    data = dataset(stored, syntax=syntax, PhotometricInterpretation=photometric)
    data.PixelPaddingValue = value
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    inside = stored[~outside]
    shown = np.rint((inside - inside.min()) / (inside.max() - inside.min()) * 255)
    expected = 255 - shown if photometric == "MONOCHROME1" else shown
    assert (read.pixels[~outside] == expected).all()
    assert (read.pixels[outside] == 0).all()
    assert not read.notes


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("bits", "allocated", "signed", "value", "limit"), [
    (8, 8, False, 255, None), (8, 16, False, 0, None), (12, 16, True, -2048, None),
    (12, 16, True, 2047, None), (16, 16, False, 65_535, None), (16, 16, True, -32_768, None),
    (12, 16, False, 0, 50), (12, 16, False, 50, 0), (16, 16, False, 64_000, 65_535),
])  # fmt: skip
def test_padding_with_a_window_is_black_and_the_rest_is_the_windows(
    tmp_path, bits, allocated, signed, value, limit, photometric
):
    stored, outside = padded(bits, value, signed=signed)
    if limit is not None:
        stored[:5, :20] = limit
        stored[5:9, :20] = (value + limit) // 2
    data = dataset(stored, bits=bits, allocated=allocated, signed=signed)
    data.PhotometricInterpretation = photometric
    data.PixelPaddingValue = value
    if limit is not None:
        data.PixelPaddingRangeLimit = limit
    low, width = (-(2 ** (bits - 2)) if signed else 2 ** (bits - 2)), 2 ** (bits - 1)
    data.WindowCenter, data.WindowWidth = low + width // 2, width
    data.VOILUTFunction = "LINEAR_EXACT"
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    shown = np.rint(((stored - low) / width).clip(0, 1) * 255)
    if photometric == "MONOCHROME1":
        shown = 255 - shown
    assert (read[~outside] == shown[~outside]).all()
    assert (read[outside] == 0).all()


@pytest.mark.parametrize(("syntax", "bits"), [
    (uid.JPEGBaseline8Bit, 8), (uid.JPEGExtended12Bit, 12), (uid.JPEG2000, 12),
    (uid.JPEGLSNearLossless, 12),
])  # fmt: skip
@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize("end", ["low", "high"])
def test_padding_that_lossy_compression_blurs_is_black(tmp_path, syntax, bits, window, end):
    value = 0 if end == "low" else 2**bits - 6
    stored, outside = padded(bits, value, shape=(176, 168))
    near = np.zeros_like(outside)
    near[:, 12:36] = near[-32:, -32:] = True
    data = dataset(stored, bits=bits, allocated=8 if bits == 8 else 16, syntax=syntax)
    data.PhotometricInterpretation, data.PixelPaddingValue = "MONOCHROME1", value
    inside = stored[~outside]
    low, high = (0, 255) if bits == 8 else (inside.min(), inside.max())
    if window:
        low, high = 0, 2**bits
        data.WindowCenter, data.WindowWidth = high // 2, high
        data.VOILUTFunction = "LINEAR_EXACT"
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    shown = 255 - (stored - low) / (high - low) * 255
    rest = ~outside & ~near
    assert np.abs(read[rest] - shown[rest]).mean() < 4
    assert (read[outside & ~near] == 0).all()


@pytest.mark.parametrize(("photometric", "value"), [
    ("MONOCHROME1", 0), ("MONOCHROME1", 255), ("MONOCHROME2", 0), ("MONOCHROME2", 255),
])  # fmt: skip
def test_padding_is_black_where_a_jpeg_is_read_at_an_eighth(tmp_path, photometric, value):
    stored, _ = padded(8, value, shape=(1024, 1024))
    stored[:, :160] = value
    data = dataset(stored, bits=8, allocated=8, syntax=uid.JPEGBaseline8Bit)
    data.PhotometricInterpretation, data.PixelPaddingValue = photometric, value
    square = read_square(write(tmp_path / "a.dcm", data), 128).pixels.astype(int)
    shown = stored.reshape(128, 8, 128, 8).mean((1, 3))
    if photometric == "MONOCHROME1":
        shown = 255 - shown
    assert (square[:, :20] == 0).all()
    assert np.abs(square[:120, 21:120] - shown[:120, 21:120]).max() <= 6


def test_a_value_of_padding_inside_a_bright_picture_is_drawn_as_the_picture(tmp_path):
    stored, outside = padded(12, 0)
    stored[40:60, 40:60] = 0  # bone, as white as MONOCHROME1 can say
    data = dataset(stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (read.pixels[40:60, 40:60] == 255).all()
    assert (read.pixels[outside] == 0).all()
    assert list(read.notes) == ["padding"]


@pytest.mark.parametrize(("value", "limit"), [(0, 4095), (0, 3900), (900, 4095), (2000, 100)])
def test_padding_that_would_take_the_picture_is_not_used_and_noted(tmp_path, value, limit):
    stored = values(12, shape=(128, 128)) * 3 // 4 + (500 if value == 900 else 0)
    plain = dataset(stored, WindowCenter=2048, WindowWidth=4096)
    expected = read_radiograph(write(tmp_path / "a.dcm", plain)).pixels
    plain.PixelPaddingValue, plain.PixelPaddingRangeLimit = value, limit
    read = read_radiograph(write(tmp_path / "a.dcm", plain))
    assert (read.pixels == expected).all()
    assert list(read.notes) == ["padding"]


def test_padding_of_most_of_a_picture_is_noted_with_its_share(tmp_path):
    stored = values(12, shape=(128, 128)) // 2 + 1000
    stored[:, :96] = 2000  # a value from the middle of the range
    data = dataset(stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=2000)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (read.pixels[:, :96] == 0).all()
    assert "75%" in read.notes["padding"]


def test_a_turned_picture_has_its_padding_all_around(tmp_path):
    rows, columns = np.indices((200, 200)) - 100
    outside = np.abs(rows) + np.abs(columns) > 90
    stored = np.where(outside, 0, values(8, shape=(200, 200)) // 2 + 100)
    data = dataset(stored, bits=8, allocated=8, syntax=uid.JPEGBaseline8Bit)
    data.PhotometricInterpretation, data.PixelPaddingValue = "MONOCHROME1", 0
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    far = np.abs(rows) + np.abs(columns) > 108
    assert (read[far] == 0).all()
    assert np.median(read[~outside]) > 50


@pytest.mark.parametrize("value", [0, 70, 4095])
def test_padding_that_no_pixel_has_changes_nothing(tmp_path, value):
    stored = values(12) // 2 + 100
    expected = np.rint((stored - stored.min()) / (stored.max() - stored.min()) * 255)
    data = dataset(stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=value)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (read.pixels == 255 - expected).all()
    assert not read.notes
