"""A picture that shows nothing is refused; a window that shows nothing gives way, with a note."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import uid
from pydicom.dataset import Dataset

from pneumo.base.errors import RadiographError
from pneumo.dicom import read_radiograph, read_square
from pneumo.dicom._contrast import levels
from tests.dicom.files import LOSSLESS, dataset, values, write

SHAPE = (200, 160)


def blank(grey=100):
    return np.full(SHAPE, grey)


def lettered():
    """A blank with letters burned in, whose edges have grey levels of their own."""
    picture = Image.new("L", (SHAPE[1] * 4, SHAPE[0] * 4), 100)
    ImageDraw.Draw(picture).text((30, 30), "PORTABLE  12:30", fill=255, font_size=40)
    return np.asarray(picture.resize(SHAPE[::-1], Image.Resampling.BOX)).astype(int)


def bordered():
    picture = blank()
    picture[:, :60] = 0
    return picture


def noisy(most):
    return 100 + np.random.default_rng(3).integers(0, most + 1, SHAPE)


BLANKS = {"blank": blank(), "black": blank(0), "white": blank(255), "lettered": lettered(),
          "bordered": bordered(), "noise of 1": noisy(1), "noise of 4": noisy(4)}  # fmt: skip


def reason_of(path):
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    with pytest.raises(RadiographError) as again:
        read_square(path, 64)
    assert again.value.reason == caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("windowed", [True, False])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", BLANKS)
def test_a_radiograph_that_shows_nothing_is_refused(tmp_path, kind, bits, windowed, photometric):
    data = dataset(BLANKS[kind], bits=bits, allocated=8 if bits == 8 else 16)
    data.PhotometricInterpretation = photometric
    if windowed:
        data.WindowCenter, data.WindowWidth = 120, 180
    assert reason_of(write(tmp_path / "a.dcm", data)) == "no_contrast"


@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.JPEGBaseline8Bit], ids=lambda s: s.name)
def test_a_blank_is_refused_in_every_syntax(tmp_path, syntax):
    data = dataset(blank(), bits=8, allocated=8, syntax=syntax)
    assert reason_of(write(tmp_path / "a.dcm", data)) == "no_contrast"


def test_a_blank_with_padding_around_it_is_a_blank(tmp_path):
    data = dataset(bordered(), bits=8, allocated=8, PixelPaddingValue=0)
    assert reason_of(write(tmp_path / "a.dcm", data)) == "no_contrast"


@pytest.mark.parametrize("kind", BLANKS)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_that_shows_nothing_is_refused(tmp_path, kind, name):
    Image.fromarray(BLANKS[kind].astype(np.uint8)).save(tmp_path / name, quality=95)
    assert reason_of(tmp_path / name) == "no_contrast"


@pytest.mark.parametrize("mode", ["RGB", "LA", "I;16"])
def test_a_blank_is_refused_in_every_mode(tmp_path, mode):
    grey = blank().astype(np.uint8)
    image = Image.fromarray(blank(5000).astype(np.uint16)) if mode == "I;16" else None
    (image or Image.fromarray(grey).convert(mode)).save(tmp_path / "a.png")
    assert reason_of(tmp_path / "a.png") == "no_contrast"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("bits", "signed", "centre", "width"), [
    (16, False, 3174, 2426), (16, False, 60_000, 800), (12, False, 30_000, 400),
    (12, True, -9000, 500), (12, False, 2048, 4_000_000), (8, False, 600, 100), (8, True, 900, 50),
])  # fmt: skip
def test_a_window_that_touches_no_value_gives_way_to_their_range(
    tmp_path, bits, signed, centre, width, function, photometric
):
    stored = values(bits, signed) // 2 + (0 if signed else 2 ** (bits - 2))
    data = dataset(stored, bits=bits, allocated=8 if bits == 8 else 16, signed=signed)
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = centre, width, function
    data.PhotometricInterpretation = photometric
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    low, high = (stored.min(), stored.max()) if bits > 8 else (-128, 127) if signed else (0, 255)
    shown = np.rint((stored - low) / (high - low) * 255)
    assert (read.pixels == (255 - shown if photometric == "MONOCHROME1" else shown)).all()
    assert list(read.notes) == ["window"]


@pytest.mark.parametrize("first", [5000, 60_000])
def test_a_voi_table_that_touches_no_value_gives_way_to_their_range(tmp_path, first):
    stored = values(12)
    item = Dataset()
    item.add_new(0x00283002, "US", [1024, first, 10])
    item.add_new(0x00283006, "OW", np.arange(1024).astype("<u2").tobytes())
    read = read_radiograph(write(tmp_path / "a.dcm", dataset(stored, VOILUTSequence=[item])))
    assert (read.pixels == np.rint(stored / 4095 * 255)).all()
    assert list(read.notes) == ["window"]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_small_field_on_a_black_plate_is_a_picture(tmp_path, photometric):
    stored = np.zeros((400, 400), int) if photometric == "MONOCHROME2" else np.full((400, 400), 255)
    stored[100:220, 150:260] = values(8, shape=(120, 110))  # 8 % of the plate
    data = dataset(stored, bits=8, allocated=8, PhotometricInterpretation=photometric)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (read.pixels == (stored if photometric == "MONOCHROME2" else 255 - stored)).all()
    assert not read.notes


def test_a_dull_picture_and_one_that_a_window_cuts_hard_are_shown_as_they_say(tmp_path):
    stored = values(8) // 8 + 90  # 32 grey levels
    read = read_radiograph(write(tmp_path / "a.dcm", dataset(stored, bits=8, allocated=8)))
    assert (read.pixels == stored).all()
    assert not read.notes
    data = dataset(values(12), WindowCenter=2048, WindowWidth=600)
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (np.isin(read.pixels, (0, 255))).mean() > 0.5
    assert not read.notes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_levels_are_counted_from_the_most_frequent_until_95_percent_are_covered(kind):
    assert levels(np.repeat(np.arange(4), (96, 2, 1, 1)).astype(kind)) == 1
    assert levels(np.repeat(np.arange(4), (94, 3, 2, 1)).astype(kind)) == 2
    assert levels(np.arange(100).astype(kind)) == 95


@pytest.mark.parametrize(("photometric", "shape", "inverted"), [
    ("MONOCHROME1", "IDENTITY", True), ("MONOCHROME2", "INVERSE", False),
    ("MONOCHROME1", "INVERSE", True), ("MONOCHROME2", "IDENTITY", False),
    ("MONOCHROME1", "", True), ("MONOCHROME2", "", False), ("MONOCHROME2", "OTHER", False),
])  # fmt: skip
@pytest.mark.parametrize("windowed", [True, False])
def test_photometric_interpretation_decides_and_a_shape_against_it_is_noted(
    tmp_path, photometric, shape, inverted, windowed
):
    stored = values(8, shape=(128, 128)) // 2 + 60
    stored[:, :12] = stored[:, -12:] = stored[:12] = stored[-12:] = 0
    data = dataset(stored, bits=8, allocated=8, PhotometricInterpretation=photometric)
    data.PresentationLUTShape = shape
    if windowed:
        data.WindowCenter, data.WindowWidth = 128, 256
    read = read_radiograph(write(tmp_path / "a.dcm", data))
    assert (read.pixels == (255 - stored if inverted else stored)).all()
    against = shape in ("IDENTITY", "INVERSE") and inverted != (shape == "INVERSE")
    assert list(read.notes) == (["polarity"] if against else [])
    if against:
        border = "brighter" if inverted else "darker"
        assert f"its border is {border} than its middle" in read.notes["polarity"]
