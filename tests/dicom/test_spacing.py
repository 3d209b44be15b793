"""Pixels that are higher than wide, or wider than high: what is round stays round."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pydicom import uid

from pneumo.base.errors import RadiographError
from pneumo.detection.frame import Box, Frame
from pneumo.dicom import Square, fit, read_radiograph, read_square
from pneumo.dicom._scan import Facts
from pneumo.scoring._overlays import BOX, overlay
from pneumo.scoring._rows import results
from pneumo.scoring.parts import Part, Scorer, write_part
from pneumo.scoring.plan import Image as Planned
from pneumo.scoring.plan import Plan
from tests.dicom.files import dataset, values, write

GREY = values(8, shape=(120, 96))


def disc(rows, columns, down_mm, across_mm):
    """A bright disc of a third of the smaller side, in millimetres, on a ramp, in the middle."""
    height, width = rows * down_mm, columns * across_mm
    y = (np.arange(rows) + 0.5)[:, None] * down_mm - height / 2
    x = (np.arange(columns) + 0.5)[None, :] * across_mm - width / 2
    ramp = np.arange(rows)[:, None] * 40 // rows
    return np.where(x**2 + y**2 < (min(height, width) / 3) ** 2, 210, 10) + ramp


def extents(pixels):
    """Top, left, height and width of what is bright."""
    rows, columns = (np.flatnonzero((pixels > 128).any(axis)) for axis in (1, 0))
    return rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def oblong(path, stored, syntax=uid.ExplicitVRLittleEndian, bits=8, **tags):
    data = dataset(stored, bits=bits, allocated=8 if bits == 8 else 16, syntax=syntax, **tags)
    return write(path, data)


TOLD = {
    "spacing": {"PixelSpacing": ["{down}", "{across}"]},
    "detector": {"ImagerPixelSpacing": ["{down}", "{across}"]},
    "film": {"NominalScannedPixelSpacing": ["{down}", "{across}"]},
    "ratio": {"PixelAspectRatio": ["{down:.0%}", "{across:.0%}"]},
}
SYNTAXES = (
    uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLosslessSV1, uid.JPEG2000Lossless,
    uid.JPEGLSLossless, uid.JPEGBaseline8Bit,
)  # fmt: skip


def tags_of(how, down, across):
    return {
        tag: [text.format(down=down, across=across).rstrip("%") for text in texts]
        for tag, texts in TOLD[how].items()
    }


@pytest.mark.parametrize("how", TOLD)
@pytest.mark.parametrize(
    ("shape", "down", "across"),
    [((256, 128), 0.14, 0.28), ((128, 256), 0.28, 0.14), ((300, 300), 0.2, 0.25),
     ((256, 200), 0.1, 0.35), ((201, 333), 0.3, 0.1)],
)  # fmt: skip
def test_a_disc_in_millimetres_is_round_in_the_picture_and_in_the_square(
    tmp_path, how, shape, down, across
):
    stored = disc(*shape, down, across)
    path = oblong(tmp_path / "a.dcm", stored, **tags_of(how, down, across))
    square = read_square(path, 128)
    for pixels in (square.pixels, read_radiograph(path).pixels):
        _, _, height, width = extents(pixels)
        assert abs(height - width) <= 2, pixels.shape
    top, left, height, width = extents(square.pixels)
    longer = max(shape[0] * down, shape[1] * across)
    diameter = 2 * min(shape[0] * down, shape[1] * across) / 3 / longer * 128
    assert height == pytest.approx(diameter, abs=2)
    assert (top + height / 2, left + width / 2) == pytest.approx((64, 64), abs=1.5)
    assert (square.rows, square.columns) == shape


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_pixels_twice_as_wide_are_doubled_whatever_the_encoding(tmp_path, syntax, photometric):
    both = {"syntax": syntax, "PhotometricInterpretation": photometric}
    path = oblong(tmp_path / "a.dcm", GREY, PixelSpacing=[0.14, 0.28], **both)
    plain = read_radiograph(oblong(tmp_path / "b.dcm", GREY, **both)).pixels
    read = read_radiograph(path)
    assert (read.pixels == np.repeat(plain, 2, axis=1)).all()
    assert (read.stored_size, read.frame_size) == ((120, 96), (120, 192))
    assert (read.row_spacing_mm, read.column_spacing_mm, read.spacing_mm) == (0.14, 0.28, 0.14)
    assert not read.notes


def test_pixels_twice_as_high_are_doubled_down(tmp_path):
    path = oblong(tmp_path / "a.dcm", GREY, PixelSpacing=[0.3, 0.15])
    read = read_radiograph(path)
    assert (read.pixels == np.repeat(GREY, 2, axis=0)).all()
    assert read.spacing_mm == 0.15


@pytest.mark.parametrize("spacing", [[0.14, 0.28], [0.28, 0.14]])
@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.ExplicitVRLittleEndian])
def test_the_square_is_that_of_the_picture_also_where_blocks_are_averaged_whole(
    tmp_path, spacing, syntax
):
    stored = disc(1024, 1024, *spacing) // 2 + values(8, shape=(1024, 1024)) // 2
    path = oblong(tmp_path / "a.dcm", stored, syntax=syntax, PixelSpacing=spacing)
    difference = np.abs(
        read_square(path, 64).pixels.astype(int) - fit(read_radiograph(path).pixels, 64)
    )
    assert difference.mean() <= 1
    assert difference.max() <= 6


@pytest.mark.parametrize(
    ("spacing", "mm"),
    [([0.143, 0.1430001], (0.143, 0.1430001)), ([0.1392, 0.14], (0.1392, 0.14)),
     ([0.2, 0.2], (0.2, 0.2))],
)  # fmt: skip
def test_pixels_that_are_square_within_rounding_are_read_as_they_stand(tmp_path, spacing, mm):
    plain = oblong(tmp_path / "a.dcm", GREY)
    path = oblong(tmp_path / "b.dcm", GREY, PixelSpacing=spacing)
    read = read_radiograph(path)
    assert (read.pixels == read_radiograph(plain).pixels).all()
    assert (read_square(path, 48).pixels == read_square(plain, 48).pixels).all()
    assert (read.row_spacing_mm, read.column_spacing_mm) == mm
    assert not read.notes


CONTRADICTIONS = [
    # what is told, rows and columns of the picture, notes
    ({"PixelSpacing": [0.1, 0.1], "PixelAspectRatio": [1, 2]}, (120, 96), {"pixel_shape"}),
    ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.2]}, (120, 96), {"pixel_shape"}),
    ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.1, 0.1]}, (120, 192), {"pixel_shape"}),
    ({"PixelSpacing": [0.2, 0.1], "NominalScannedPixelSpacing": [0.1, 0.1]}, (240, 96),
     {"pixel_shape"}),
    ({"PixelSpacing": [0.1, 0.2], "PixelAspectRatio": [1, 2]}, (120, 192), set()),
    ({"PixelSpacing": [0.12, 0.12], "ImagerPixelSpacing": [0.14, 0.14]}, (120, 96), set()),
    ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.1, 0.2]}, (120, 192), {"bad_spacing"}),
    ({"PixelSpacing": [-0.1, -0.2]}, (120, 96), {"bad_spacing"}),
    ({"PixelSpacing": "0.2"}, (120, 96), {"bad_spacing"}),
    ({"PixelSpacing": [0.1, 0.2, 0.3]}, (120, 96), {"bad_spacing"}),
    ({"PixelAspectRatio": [0, 1]}, (120, 96), {"bad_spacing"}),
    ({"PixelAspectRatio": [1, 1]}, (120, 96), set()),
    ({"PixelAspectRatio": "2"}, (120, 96), {"bad_spacing"}),
]  # fmt: skip


@pytest.mark.parametrize(("tags", "shape", "notes"), CONTRADICTIONS)
def test_what_contradicts_or_cannot_be_used_is_noted(tmp_path, tags, shape, notes):
    read = read_radiograph(oblong(tmp_path / "a.dcm", GREY, **tags))
    assert (read.frame_size, set(read.notes)) == (shape, notes)
    assert read.stored_size == (120, 96)


@pytest.mark.parametrize("text", [b"0.1\\nan", b"inf\\inf", b"1e-9\\abc ", b"\\0.28 "])
def test_a_spacing_that_is_no_number_is_passed_over_with_a_note(tmp_path, text):
    path = oblong(
        tmp_path / "a.dcm", GREY, PixelSpacing=["11111111", "2222222"][: 1 + len(text) // 9]
    )
    raw = path.read_bytes()
    at = raw.index(b"\x28\x00\x30\x00DS")
    length = int.from_bytes(raw[at + 6 : at + 8], "little")
    path.write_bytes(raw[: at + 8] + text.ljust(length) + raw[at + 8 + length :])
    read = read_radiograph(path)
    assert (read.spacing_mm, read.frame_size, set(read.notes)) == (None, (120, 96), {"bad_spacing"})


@pytest.mark.parametrize(
    "tags", [{"PixelSpacing": [0.1, 0.5]}, {"PixelAspectRatio": [9, 2]},
             {"ImagerPixelSpacing": ["1e308", "1e-308"]}, {"PixelSpacing": ["1e-308", "1e308"]}]
)  # fmt: skip
def test_pixels_over_four_times_as_long_one_way_are_refused(tmp_path, tags):
    with pytest.raises(RadiographError, match="times as high as it is wide") as refused:
        read_radiograph(oblong(tmp_path / "a.dcm", GREY, **tags))
    assert refused.value.reason == "bad_spacing"


@pytest.mark.parametrize(("dpi", "notes"), [((300, 150), {"pixel_shape"}), ((300, 300), set())])
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_that_says_its_pixels_are_oblong_is_noted(tmp_path, name, dpi, notes):
    Image.fromarray(GREY.astype(np.uint8)).save(tmp_path / name, dpi=dpi)
    read = read_radiograph(tmp_path / name)
    assert (read.frame_size, set(read.notes)) == ((120, 96), notes)


def test_a_png_that_says_a_ratio_without_a_unit_is_noted(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(GREY.astype(np.uint8)).save(path)
    raw, chunk = path.read_bytes(), b"pHYs" + struct.pack(">IIB", 2, 1, 0)
    chunk = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(raw[:33] + chunk + raw[33:])  # behind the header
    assert set(read_radiograph(path).notes) == {"pixel_shape"}


def test_boxes_come_back_in_pixels_of_the_file():
    """128 columns of 0.28 mm and 256 rows of 0.14 mm: a square of 35.84 mm, 0.56 mm a pixel."""
    frame = Frame(256, 128, 64, 0.5)
    assert (frame.shape, frame.offset) == ((64, 64), (0, 0))
    assert frame.to_square(Box(32, 64, 16, 128)) == Box(16, 16, 8, 32)
    assert frame.to_original(Box(16, 16, 8, 32)) == Box(32, 64, 16, 128)


def test_boxes_of_an_oblong_radiograph_beside_black_come_back_exactly():
    """200 rows of 0.3 mm, 100 of 0.1: 60 x 10 mm, so 10 of 60 columns, 25 to the left."""
    frame = Frame(200, 100, 60, 3.0)
    assert (frame.shape, frame.offset) == ((60, 10), (0, 25))
    assert frame.to_square(Box(50, 100, 20, 40)) == Box(30, 30, 2, 12)
    assert frame.to_original(Box(30, 30, 2, 12)) == Box(50, 100, 20, 40)
    assert frame.to_original(Box(20, -3, 30, 9)) == Box(0, 0, 100, 20)


def row_of(folder, spacings):
    row = {
        "content": "c", "reason": "", "message": "", "rows": 256, "columns": 128, "notes": "{}",
        "probability": 0.5,
        "boxes": json.dumps([{"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}]), **spacings,
    }  # fmt: skip
    scorer, aside = Scorer("m", 1, "d", "openvino", "float32", False), folder / "aside"
    aside.mkdir()
    write_part(folder / "part", scorer, "none", [row], aside)
    plan = Plan([Planned("f.dcm", "f", "", "c")], [])
    (found,) = results(plan, [Part(folder / "part", scorer, "none")])
    return found


def test_millimetres_across_use_the_spacing_of_columns_and_down_that_of_rows(tmp_path):
    found = row_of(tmp_path, {"row_spacing_mm": 0.14, "column_spacing_mm": 0.28})
    assert json.loads(found["boxes_mm"]) == [{"x": 2.8, "y": 2.8, "width": 8.4, "height": 5.6}]
    assert (found["row_spacing_mm"], found["column_spacing_mm"]) == (0.14, 0.28)


def test_without_a_spacing_there_are_no_millimetres(tmp_path):
    assert row_of(tmp_path, {})["boxes_mm"] is None


def test_an_overlay_shows_the_box_where_it_is_and_the_radiograph_as_it_is():
    """128 columns twice as wide as 256 rows are high: a box of 32 x 64 is as wide as high."""
    facts = Facts(pixel_aspect=0.5)
    square = Square(np.zeros((512, 512), np.uint8), 256, 128, facts)
    box = {"x": 64.0, "y": 64.0, "width": 32.0, "height": 64.0}
    picture = np.asarray(overlay(square, [box]))
    assert picture.shape == (512, 512, 3)
    drawn = (picture == BOX).all(axis=2)
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (128, 255, 256, 383)
