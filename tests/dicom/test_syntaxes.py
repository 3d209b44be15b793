from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from pneumo.dicom import read_radiograph
from pneumo.dicom._decode import decode, encoded
from pneumo.dicom._guards import Layout
from pneumo.dicom._parse import parse
from tests.dicom.files import (
    LOSSLESS,
    LOSSY,
    UNCOMPRESSED,
    dataset,
    encode,
    lossless_jpeg,
    reference,
    values,
    write,
)

DEPTHS = [(8, 8), (8, 16), (10, 16), (12, 16), (14, 16), (15, 16), (16, 16)]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "allocated"), DEPTHS)
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_lossless_syntaxes_agree_exactly(tmp_path, syntax, bits, allocated, signed):
    stored = values(bits, signed)
    data = dataset(stored, bits=bits, allocated=allocated, signed=signed, syntax=syntax)
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert (read == reference(stored, bits)).all()


@pytest.mark.parametrize(("syntax", "bits", "most"), [
    (LOSSY[0], 8, 8), (LOSSY[1], 8, 8), (LOSSY[1], 12, 4), (LOSSY[2], 8, 2), (LOSSY[2], 12, 1),
    (LOSSY[3], 8, 4), (LOSSY[3], 12, 2),
])  # fmt: skip
def test_lossy_syntaxes_agree_within_their_error(tmp_path, syntax, bits, most):
    stored = values(bits)
    data = dataset(stored, bits=bits, allocated=8 if bits == 8 else 16, syntax=syntax)
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert np.abs(read - reference(stored, bits)).max() <= most


@pytest.mark.parametrize("high", [11, 12, 14, 15])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [*UNCOMPRESSED, uid.RLELossless], ids=lambda s: s.name)
def test_high_bit_may_be_in_unusual_places(tmp_path, syntax, signed, high):
    stored = values(12, signed)
    data = dataset(stored, bits=12, high=high, signed=signed, syntax=syntax)
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert (read == reference(stored, 12)).all()


def test_overlays_in_unused_bits_are_cleared(tmp_path):
    stored = values(12)
    data = dataset(stored)
    data.PixelData = (stored | 0xF000).astype("<u2").tobytes()
    assert (read_radiograph(write(tmp_path / "a.dcm", data)).pixels == reference(stored, 12)).all()


def test_a_file_needs_no_preamble_and_no_meta_information(tmp_path):
    data = dataset(values(12))
    whole = write(tmp_path / "a.dcm", data).read_bytes()
    meta = 132 + 12 + int.from_bytes(whole[140:144], "little")
    for number, rest in enumerate((whole[132:], whole[meta:])):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(rest)
        assert (read_radiograph(path).pixels == reference(values(12), 12)).all()


def test_a_frame_may_be_cut_into_fragments(tmp_path):
    data = dataset(values(12), syntax=uid.JPEG2000Lossless)
    stream = encode(values(12).astype("<u2"), data, uid.JPEG2000Lossless)
    data.PixelData = encapsulate([stream], fragments_per_frame=5, has_bot=False)
    assert (
        read_radiograph(write(tmp_path / "a.dcm", data)).pixels == reference(values(12), 12)
    ).all()


@pytest.mark.parametrize("signed", [False, True])
def test_bytes_in_big_endian_words_are_exchanged(tmp_path, signed):
    stored = values(8, signed, shape=(97, 83))
    data = dataset(stored, bits=8, allocated=8, signed=signed, syntax=uid.ExplicitVRBigEndian)
    data["PixelData"].VR = "OW"
    data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert (read == reference(stored, 8)).all()


@pytest.mark.parametrize(("every", "shift"), [(1, 0), (8, 0), (0, 2), (8, 2)])
def test_lossless_jpeg_may_restart_and_shift_its_samples(tmp_path, every, shift):
    stored = values(12) >> shift << shift
    data = dataset(stored, syntax=uid.JPEGLossless, WindowCenter=[2048], WindowWidth=[4096])
    stream = lossless_jpeg(stored, 12, every=every, shift=shift)
    data.PixelData = encapsulate([stream])
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    assert (read == np.rint(((stored - 2047.5) / 4095 + 0.5).clip(0, 1) * 255)).all()


@pytest.mark.parametrize("name", [
    "JPEG2000.dcm", "J2K_pixelrep_mismatch.dcm", "JPEGLSNearLossless_16.dcm", "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "CT_small.dcm", "image_dfl.dcm",
])  # fmt: skip
def test_files_shipped_with_pydicom_hold_the_values_that_pydicom_finds(name):
    """Any modality: stored values are compared, where pydicom has a decoder here."""
    path = get_testdata_file(name)
    known = pydicom.dcmread(path)
    header = parse(Path(path).read_bytes())
    layout = Layout(known.Rows, known.Columns, known.BitsAllocated, known.BitsStored,
                    known.HighBit, bool(known.PixelRepresentation))  # fmt: skip
    if layout.rows < 64 or layout.columns < 64:
        pytest.skip("under 64 px, which the reader refuses")
    codes = decode(encoded(header, layout))
    try:
        truth = pixel_array(known)
    except RuntimeError:
        pytest.skip("pydicom has no decoder for it here")
    assert (codes == truth.astype(int) & ((1 << layout.stored) - 1)).all()
