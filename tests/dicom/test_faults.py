import os
import struct
import zlib
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from pneumo.base.errors import RadiographError
from pneumo.base.safe import cell, printable
from pneumo.dicom import read_radiograph
from pneumo.dicom._decode import deep_jpeg
from pneumo.dicom.refusal import Refused
from pneumo.dicom.source import files_below
from tests.dicom.files import dataset, encode, values, write

JPEG, J2K, JLS, RLE = (uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.JPEGLSLossless,
                       uid.RLELossless)  # fmt: skip


def reason_of(path) -> str:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(("tags", "reason"), [
    ({"Modality": "CT"}, "wrong_modality"),
    ({"Modality": "=cmd|' /C calc'!A0"}, "wrong_modality"),
    ({"PhotometricInterpretation": "YBR_FULL_422"}, "colour"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
    ({"PhotometricInterpretation": ""}, "wrong_photometric"),
    ({"SamplesPerPixel": 3}, "colour"),
    ({"NumberOfFrames": 2}, "multi_frame"),
    ({"NumberOfFrames": 0}, "bad_header"),
    ({"Rows": 63}, "absurd_size"),
    ({"Rows": 65_000, "Columns": 65_000}, "absurd_size"),
    ({"BitsAllocated": 32}, "bad_bits"),
    ({"BitsStored": 17}, "bad_bits"),
    ({"HighBit": 16}, "bad_bits"),
    ({"HighBit": 5}, "bad_bits"),
    ({"PixelRepresentation": 7}, "bad_bits"),
    ({"RescaleSlope": 0, "RescaleIntercept": 0}, "bad_rescale"),
    ({"WindowCenter": 100, "WindowWidth": 0}, "bad_window"),
    ({"WindowCenter": 100, "WindowWidth": 0.5}, "bad_window"),
    ({"WindowCenter": 100, "WindowWidth": -5}, "bad_window"),
    ({"WindowCenter": 100}, "bad_window"),
    ({"WindowCenter": ["", 500], "WindowWidth": [100, 0]}, "bad_window"),
    ({"WindowCenter": 1, "WindowWidth": 2, "VOILUTFunction": "CUBIC"}, "bad_window"),
    ({"PixelData": b""}, "empty_pixels"),
    ({"PixelData": b"\0" * 64}, "truncated"),
    ({"PixelData": b"\0" * 97 * 83 * 4}, "size_differs"),
])  # fmt: skip
def test_a_fault_of_the_header_has_its_reason(tmp_path, tags, reason):
    assert reason_of(write(tmp_path / "a.dcm", dataset(values(12), **tags))) == reason


@pytest.mark.parametrize("text", [b"NaN ", b"inf ", b"-inf", b"1e999 "])
def test_a_slope_that_is_no_finite_number_is_refused(tmp_path, text):
    data = dataset(values(12), RescaleSlope="1.25", RescaleIntercept="0")
    path = write(tmp_path / "a.dcm", data)
    whole = path.read_bytes()
    element = b"\x28\x00\x53\x10DS\x04\x001.25"
    assert element in whole
    path.write_bytes(whole.replace(element, element[:6] + struct.pack("<H", len(text)) + text))
    assert reason_of(path) == "bad_rescale"


@pytest.mark.parametrize("syntax", [JPEG, J2K, JLS, RLE], ids=lambda s: s.name)
def test_a_codestream_that_is_cut_or_of_another_size_is_refused(tmp_path, syntax):
    data = dataset(values(8), bits=8, allocated=8, syntax=syntax)
    stream = encode(values(8).astype(np.uint8), data, syntax)
    for cut in (0.2, 0.5, 0.95):
        data.PixelData = encapsulate([stream[: int(len(stream) * cut)]])
        expected = ("truncated", "bad_codestream")
        assert reason_of(write(tmp_path / "a.dcm", data)) in expected
    data.PixelData, data.Rows = encapsulate([stream]), 96
    assert reason_of(write(tmp_path / "a.dcm", data)) == "size_differs"


def test_a_jpeg_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path):
    data = dataset(values(8), bits=8, allocated=8, syntax=JPEG)
    stream = bytearray(encode(values(8).astype(np.uint8), data, JPEG))
    at = stream.index(b"\xff\xc0") + 5
    stream[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    data.PixelData = encapsulate([bytes(stream)])
    assert reason_of(write(tmp_path / "a.dcm", data)) == "absurd_size"


def test_inflation_and_run_length_bombs_are_stopped(tmp_path):
    data = dataset(values(12), syntax=uid.DeflatedExplicitVRLittleEndian)
    path = write(tmp_path / "a.dcm", data)
    whole = path.read_bytes()
    meta = 132 + 12 + int.from_bytes(whole[140:144], "little")
    deflater = zlib.compressobj(9, wbits=-15)
    zeros = b"".join(deflater.compress(bytes(2**20)) for _ in range(300)) + deflater.flush()
    path.write_bytes(whole[:meta] + zeros)
    assert reason_of(path) == "inflation_bomb"
    head = struct.pack("<16L", 1, 64, *[0] * 14)
    data = dataset(values(8), bits=8, allocated=8, syntax=RLE)
    data.PixelData = encapsulate([head + b"\x81\x00" * 500_000])
    assert reason_of(write(path, data)) == "size_differs"


def test_fragments_in_a_syntax_without_compression_are_no_pixels(tmp_path):
    data = dataset(values(8), bits=8, allocated=8, syntax=uid.RLELossless)
    data.PixelData = encapsulate([values(8).astype(np.uint8).tobytes() + b"\0"])
    path = write(tmp_path / "a.dcm", data)
    named = path.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0")
    path.write_bytes(named)
    assert reason_of(path) == "bad_fragments"


def test_pixel_data_shorter_than_they_say_are_truncated(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(values(12)))
    head, pixels = path.read_bytes().split(b"\xe0\x7f\x10\0OW\0\0")
    path.write_bytes(head + b"\xe0\x7f\x10\0OW\0\0\xf0\xff\xff\xff" + pixels[4:])
    assert reason_of(path) == "truncated"


def test_a_preamble_that_looks_like_a_picture_is_a_preamble(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(values(12)))
    path.write_bytes(b"\xff\xd8\xff\xe0" + path.read_bytes()[4:])
    assert read_radiograph(path).frame_size == (97, 83)


def test_a_number_is_written_as_dicom_writes_it(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(values(12), WindowCenter="5100", WindowWidth="800"))
    path.write_bytes(path.read_bytes().replace(b"5100", b"5_00"))
    assert reason_of(path) == "bad_header"


def test_an_absurd_age_is_unknown_and_stops_nothing(tmp_path):
    data = dataset(values(12))
    data.add_new(0x00101010, "LO", "9" * 1000)
    assert read_radiograph(write(tmp_path / "a.dcm", data)).age is None


def test_a_name_in_place_of_a_transfer_syntax_is_not_repeated(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(values(12)))
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"1.2.840.10008.1.2.1\0", b"CANARY.CANARY.CANARY"))
    assert reason_of(path) == "unsupported_syntax"


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5, 0.9])
def test_a_file_that_ends_early_is_truncated(tmp_path, share):
    path = write(tmp_path / "a.dcm", dataset(values(12)))
    whole = path.read_bytes()
    path.write_bytes(whole[: max(140, int(len(whole) * share))])
    assert reason_of(path) == "truncated"


def test_what_is_no_regular_file_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    expected = {"fifo": "not_a_file", "circle": "unreadable", "sparse": "too_large"}
    assert {name: reason_of(tmp_path / name) for name in expected} == expected
    assert reason_of("/dev/zero") == "not_a_file"
    (tmp_path / "empty").touch()
    assert reason_of(tmp_path / "empty") == "empty_file"


def test_png_and_jpeg_pictures_are_read_and_coloured_ones_are_not(tmp_path):
    grey = np.kron(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4, np.ones((10, 9), np.uint8))
    for mode in ("L", "RGB", "RGBA"):
        Image.fromarray(grey).convert(mode).save(tmp_path / "a.png")
        assert (read_radiograph(tmp_path / "a.png").pixels == grey).all()
    Image.fromarray(grey).convert("RGB").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_radiograph(tmp_path / "a.jpg").pixels - grey.astype(int)).max() <= 8
    Image.fromarray(grey.astype(np.uint16) * 100 + 7).save(tmp_path / "deep.png")
    expected = np.rint(grey / grey.max() * 255)
    assert np.abs(read_radiograph(tmp_path / "deep.png").pixels - expected).max() <= 1
    Image.fromarray(np.dstack([grey, grey, 255 - grey])).save(tmp_path / "b.png")
    assert reason_of(tmp_path / "b.png") == "colour"
    stream = BytesIO()
    Image.fromarray(grey).save(stream, "PNG")
    (tmp_path / "b.png").write_bytes(stream.getvalue()[:-60])
    assert reason_of(tmp_path / "b.png") == "cannot_decode"


def test_text_from_outside_is_one_line_and_no_formula():
    assert printable("a\nb\x1b[31m\u202e") == "a?b?[31m?"
    assert [cell(text) for text in ("=1+1", " @x", "-2", "a=b")] == ["'=1+1", "' @x", "'-2", "a=b"]
    assert len(printable("x" * 10_000)) <= 300


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path, monkeypatch):
    for name in ("a", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").touch()
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list(files_below(tmp_path)) == [tmp_path / "a" / "1.dcm", tmp_path / "closed"]
    assert reason_of(tmp_path / "closed") == "not_a_file"


@pytest.mark.parametrize("share", [0.3, 0.98])
@pytest.mark.parametrize("lossless", [True, False])
def test_a_deep_jpeg_whose_scan_ends_early_is_truncated_though_it_has_an_end(lossless, share):
    codes = (np.random.default_rng(0).random((64, 80)) * 4095).astype(np.uint16)
    whole = imagecodecs.jpeg8_encode(codes, level=95, lossless=lossless, bitspersample=12)
    assert deep_jpeg(whole).shape == codes.shape
    with pytest.raises(Refused, match="scan ends before the picture does"):
        deep_jpeg(whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9")
