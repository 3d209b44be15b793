"""Pixel data that are in another form than the header says, and wrapped as devices wrap them."""

import struct

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from pneumo.base.errors import RadiographError
from pneumo.dicom import read_radiograph
from tests.dicom.files import LOSSLESS, LOSSY, UNCOMPRESSED, dataset, encode, values, write

CODESTREAMS = (*LOSSLESS[5:], uid.JPEGExtended12Bit)
ENCAPSULATED = (uid.RLELossless, *CODESTREAMS)
END = b"\xfe\xff\xdd\xe0\0\0\0\0"
STORED = values(12)


def file_of(path, syntax, *, pixels=None, sequence=False, declared=None, **tags):
    """A file of one syntax whose header declares another one, and whose pixel data are given."""
    data = dataset(STORED, syntax=syntax, **tags)
    if pixels is not None:
        data.PixelData = pixels
    if sequence:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.3", "1.2.3.4"
        data.ReferencedImageSequence = [item]
    file = write(path / "a.dcm", data)
    if declared:
        file.write_bytes(redeclared(file.read_bytes(), syntax, declared))
    return file


def redeclared(whole, syntax, declared):
    old, new = (uid.UID(name).encode() for name in (syntax, declared))
    old, new = (name + b"\0" * (len(name) % 2) for name in (old, new))
    head = b"\x02\0\x10\0UI"
    before = head + struct.pack("<H", len(old)) + old
    assert whole.count(before) == 1
    return whole.replace(before, head + struct.pack("<H", len(new)) + new)


def stream_of(syntax):
    data = dataset(STORED, syntax=syntax)
    return encode(STORED.astype("<u2"), data, syntax)


def plainly(path, syntax):
    """The same pixels, wrapped as the standard says."""
    return read_radiograph(file_of(path, syntax)).pixels


def refusal(path) -> RadiographError:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    assert "CANARY" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("tail", [b"", bytes(8), bytes(512), END[:4], END + bytes(300)])
@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_whole_fragments_need_no_delimiter(tmp_path, syntax, tail, sequence):
    expected = plainly(tmp_path, syntax)
    path = file_of(tmp_path, syntax, sequence=sequence)
    whole = path.read_bytes()
    assert whole.endswith(END)
    path.write_bytes(whole[: -len(END)] + tail)
    assert (read_radiograph(path).pixels == expected).all()


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("cut", [9, 40, 400])
@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_fragments_that_are_cut_off_stay_truncated(tmp_path, syntax, cut, sequence):
    path = file_of(tmp_path, syntax, sequence=sequence)
    whole = path.read_bytes()
    for tail in (b"", bytes(cut)):  # a copy that stopped, and one into a file of zeros
        path.write_bytes(whole[: -len(END) - cut] + tail)
        assert refusal(path).reason in ("truncated", "bad_codestream", "cannot_decode")


@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_a_fragment_that_says_more_than_its_element_holds_is_truncated(tmp_path, syntax):
    path = file_of(tmp_path, syntax)
    head, mark, items = path.read_bytes().partition(b"\xe0\x7f\x10\0OB\0\0")
    items = items[4 : -len(END) - 10]  # in an element with a length of its own, 10 bytes too few
    path.write_bytes(head + mark + struct.pack("<L", len(items)) + items)
    error = refusal(path)
    assert error.reason == "truncated"
    assert "a fragment says" in str(error)


@pytest.mark.parametrize("syntax", CODESTREAMS, ids=lambda s: s.name)
def test_a_codestream_without_its_end_is_truncated_though_its_fragment_is_whole(tmp_path, syntax):
    stream = stream_of(syntax)
    cut = stream[: stream.rindex(b"\xff\xd9")]
    for pixels in (cut, cut + b"PADDING.", cut[:-500] + b"trailer \xff\xd9 of a viewer"):
        error = refusal(file_of(tmp_path, syntax, pixels=encapsulate([pixels])))
        assert error.reason in ("truncated", "cannot_decode", "bad_codestream")
    assert "no end marker" in str(refusal(file_of(tmp_path, syntax, pixels=encapsulate([cut]))))


@pytest.mark.parametrize("syntax", CODESTREAMS, ids=lambda s: s.name)
@pytest.mark.parametrize("tail", [b"MADE BY A GATEWAY", b"\1\2\3\4" * 300, b"\xff\xd8\xff\xe0 a"])
def test_bytes_after_the_end_marker_are_passed_over_with_a_note(tmp_path, syntax, tail):
    expected = plainly(tmp_path, syntax)
    read = read_radiograph(
        file_of(tmp_path, syntax, pixels=encapsulate([stream_of(syntax) + tail]))
    )
    assert (read.pixels == expected).all()
    assert list(read.notes) == ["trailing_bytes"]


@pytest.mark.parametrize("syntax", CODESTREAMS, ids=lambda s: s.name)
def test_padding_after_the_end_marker_is_not_worth_a_note(tmp_path, syntax):
    pixels = encapsulate([stream_of(syntax) + bytes(20)])
    assert read_radiograph(file_of(tmp_path, syntax, pixels=pixels)).notes == {}


@pytest.mark.parametrize("fragments", [1, 4])
@pytest.mark.parametrize("table", [
    struct.pack("<L", 8), struct.pack("<L", 0xFFFFFFFF), struct.pack("<2L", 0, 0),
    struct.pack("<4L", 0, 100, 200, 300), b"\0\0",
])  # fmt: skip
@pytest.mark.parametrize("syntax", CODESTREAMS, ids=lambda s: s.name)
def test_one_frame_is_read_whatever_its_offset_table_says(tmp_path, syntax, table, fragments):
    expected = plainly(tmp_path, syntax)
    plain = encapsulate([stream_of(syntax)], fragments_per_frame=fragments, has_bot=False)
    pixels = plain[:4] + struct.pack("<L", len(table)) + table + plain[8:]
    read = read_radiograph(file_of(tmp_path, syntax, pixels=pixels))
    assert (read.pixels == expected).all()
    assert list(read.notes) == ["offset_table"]


@pytest.mark.parametrize("syntax", CODESTREAMS, ids=lambda s: s.name)
def test_a_missing_offset_table_is_no_missing_frame(tmp_path, syntax):
    plain = encapsulate([stream_of(syntax)], has_bot=False)
    read = read_radiograph(file_of(tmp_path, syntax, pixels=plain[8:]))
    assert (read.pixels == plainly(tmp_path, syntax)).all()


@pytest.mark.parametrize("has_table", [False, True])
@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_two_frames_are_not_taken_for_one(tmp_path, syntax, has_table):
    pixels = encapsulate([stream_of(syntax)] * 2, has_bot=has_table)
    reason = refusal(file_of(tmp_path, syntax, pixels=pixels)).reason
    assert reason == "multi_frame" or (syntax == uid.RLELossless and not has_table)


@pytest.mark.parametrize("declared", [*UNCOMPRESSED[:2], *ENCAPSULATED],
                         ids=lambda s: s.name)  # fmt: skip
@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_a_codestream_is_decoded_as_what_it_is_whatever_is_declared(tmp_path, syntax, declared):
    expected = plainly(tmp_path, syntax)
    if syntax == declared:
        return
    read = read_radiograph(file_of(tmp_path, syntax, declared=declared))
    assert (read.pixels == expected).all()
    lossless = {uid.JPEGLossless, uid.JPEGLosslessSV1}
    assert list(read.notes) == ([] if {syntax, declared} == lossless else ["transfer_syntax"])


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("declared", [*ENCAPSULATED, *LOSSY], ids=lambda s: s.name)
def test_pixels_that_are_not_compressed_are_read_whatever_is_declared(tmp_path, declared, bits):
    stored, allocated = values(bits), 8 if bits == 8 else 16
    plain = dataset(stored, bits=bits, allocated=allocated, syntax=uid.ExplicitVRLittleEndian)
    path = write(tmp_path / "a.dcm", plain)
    expected = read_radiograph(path).pixels
    path.write_bytes(redeclared(path.read_bytes(), uid.ExplicitVRLittleEndian, declared))
    read = read_radiograph(path)
    assert (read.pixels == expected).all()
    assert list(read.notes) == ["transfer_syntax"]
    assert "(0002,0010) Transfer Syntax UID is " + declared.name in read.notes["transfer_syntax"]


def test_a_codestream_needs_no_fragments(tmp_path):
    expected = plainly(tmp_path, uid.JPEG2000Lossless)
    stream = stream_of(uid.JPEG2000Lossless)
    path = file_of(tmp_path, uid.ExplicitVRLittleEndian, pixels=stream + b"\0" * (len(stream) % 2),
                   declared=uid.JPEG2000Lossless)  # fmt: skip
    assert (read_radiograph(path).pixels == expected).all()


def test_what_is_neither_in_fragments_nor_of_the_right_length_names_both(tmp_path):
    path = file_of(tmp_path, uid.ExplicitVRLittleEndian, pixels=b"\1" * 5000,
                   declared=uid.JPEGLossless)  # fmt: skip
    error = refusal(path)
    assert error.reason == "bad_fragments"
    assert "Transfer Syntax UID is JPEG Lossless" in str(error)
    assert "5,000 bytes, not 16,102" in str(error)


def test_a_process_that_is_not_read_is_named(tmp_path):
    stream = stream_of(uid.JPEGExtended12Bit).replace(b"\xff\xc1", b"\xff\xc9", 1)
    error = refusal(file_of(tmp_path, uid.JPEGExtended12Bit, pixels=encapsulate([stream])))
    assert error.reason == "unsupported_syntax"
    assert "SOF9" in str(error)


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=lambda s: s.name)
def test_fragments_of_unknown_representation_are_fragments(tmp_path, syntax, sequence):
    expected = plainly(tmp_path, syntax)
    path = file_of(tmp_path, syntax, sequence=sequence)
    whole = path.read_bytes()
    assert whole.count(b"\xe0\x7f\x10\0OB") == 1
    path.write_bytes(whole.replace(b"\xe0\x7f\x10\0OB", b"\xe0\x7f\x10\0UN"))
    assert (read_radiograph(path).pixels == expected).all()


def test_lossy_samples_that_overshoot_keep_their_values(tmp_path):
    stored = np.where(np.arange(128) % 16 < 8, 0, 4095) * np.ones((128, 1), int)
    data = dataset(stored, syntax=uid.JPEG2000, WindowCenter=[2048], WindowWidth=[4096])
    stream = imagecodecs.jpeg2k_encode(
        stored.astype("<u2"), codecformat="j2k", level=35, reversible=False, bitspersample=16
    )
    exact = imagecodecs.jpeg2k_decode(stream).astype(float)
    assert exact.max() > 4095
    data.PixelData = encapsulate([stream])
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    expected = ((exact - 2047.5) / 4095 + 0.5).clip(0, 1) * 255
    assert np.abs(read - expected).max() <= 0.5 + 1e-6
