"""Bits of a cell outside those that are stored: cleared where no pixel needs them, else refused."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate

from pneumo.base.errors import RadiographError
from pneumo.dicom import read_radiograph
from pneumo.dicom._bits import has_swapped_bytes
from tests.dicom.files import UNCOMPRESSED, dataset, pixel_data, reference, values, write

NATIVE = (*UNCOMPRESSED, uid.RLELossless)
CODESTREAMS = (uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.JPEGLossless, uid.JPEGLosslessSV1)
OVERLAY = np.arange(97 * 83).reshape(97, 83) % 7 < 2


def with_cells(path, cells, syntax, *, bits=12, signed=False, high=None, **tags):
    """A file whose 16-bit cells hold what they are given, whatever the header says of them."""
    data = dataset(values(bits, signed), bits=bits, high=high, signed=signed, syntax=syntax)
    cells = (np.asarray(cells) & 0xFFFF).astype("<u2")
    if syntax in NATIVE:
        data.PixelData = pixel_data(cells, data, syntax)
    else:
        data.PixelData = encapsulate([whole_cells(cells, syntax)])
    for tag, value in tags.items():
        setattr(data, tag, value)
    return write(path / "a.dcm", data)


def whole_cells(cells, syntax):
    """All 16 bits in a codestream."""
    if syntax == uid.JPEG2000Lossless:
        return imagecodecs.jpeg2k_encode(cells, codecformat="j2k", level=0, reversible=True)
    if syntax == uid.JPEGLSLossless:
        return imagecodecs.jpegls_encode(cells)
    return imagecodecs.jpeg8_encode(cells, lossless=True, bitspersample=16, predictor=1)


def declare_overlay(path, bit, *, group=0x6000, allocated=16):
    data = pydicom.dcmread(path)
    data.add_new((group, 0x0100), "US", allocated)
    data.add_new((group, 0x0102), "US", bit)
    return write(path, data)


def refusal(path) -> RadiographError:
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    assert caught.value.reason == "bits_differ"
    return caught.value


@pytest.mark.parametrize("syntax", [*NATIVE, *CODESTREAMS], ids=lambda s: s.name)
@pytest.mark.parametrize("high_bits", [0x1000, 0x8000, 0xF000])
def test_constant_bits_above_high_bit_are_cleared(tmp_path, syntax, high_bits):
    stored = values(12)
    read = read_radiograph(with_cells(tmp_path, stored | high_bits, syntax)).pixels
    assert (read == reference(stored, 12)).all()


@pytest.mark.parametrize("syntax", [*NATIVE, *CODESTREAMS], ids=lambda s: s.name)
@pytest.mark.parametrize(("bit", "group"), [(12, 0x6000), (15, 0x6000), (13, 0x6002)])
def test_bits_of_a_declared_overlay_are_cleared(tmp_path, syntax, bit, group):
    stored = values(12)
    path = with_cells(tmp_path, stored | OVERLAY << bit, syntax)
    refusal(path)
    read = read_radiograph(declare_overlay(path, bit, group=group)).pixels
    assert (read == reference(stored, 12)).all()


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEG2000Lossless])
def test_an_overlay_of_its_own_element_claims_no_bit_of_the_pixels(tmp_path, syntax):
    path = with_cells(tmp_path, values(12) | OVERLAY << 12, syntax)
    refusal(declare_overlay(path, 12, allocated=1))


@pytest.mark.parametrize("syntax", [*NATIVE, *CODESTREAMS], ids=lambda s: s.name)
@pytest.mark.parametrize(("bits", "held"), [(12, 14), (10, 12), (8, 12), (15, 16)])
def test_values_that_need_more_bits_are_refused_with_the_bits_that_vary(
    tmp_path, syntax, bits, held
):
    error = refusal(with_cells(tmp_path, values(held), syntax, bits=bits))
    assert f"(0028,0101) Bits Stored is {bits}" in str(error)
    assert f"bit {', '.join(map(str, range(bits, held)))} of" in str(error)


@pytest.mark.parametrize("syntax", [*NATIVE, *CODESTREAMS], ids=lambda s: s.name)
@pytest.mark.parametrize("bits", [10, 12, 15])
def test_copies_of_the_sign_above_high_bit_are_no_other_bits(tmp_path, syntax, bits):
    stored = values(bits, signed=True)
    path = with_cells(tmp_path, stored, syntax, bits=bits, signed=True)
    assert (read_radiograph(path).pixels == reference(stored, bits)).all()
    refusal(with_cells(tmp_path, values(bits + 1, True), syntax, bits=bits, signed=True))


@pytest.mark.parametrize("syntax", [*NATIVE, *CODESTREAMS], ids=lambda s: s.name)
def test_bits_below_the_stored_ones_may_be_an_overlay_but_no_pixels(tmp_path, syntax):
    stored = values(12)
    path = with_cells(tmp_path, stored << 4 | OVERLAY << 1, syntax, high=15)
    refusal(path)
    assert (read_radiograph(declare_overlay(path, 1)).pixels == reference(stored, 12)).all()
    refusal(with_cells(tmp_path, stored, syntax, high=15))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "held"), [(12, 12), (14, 14), (16, 12), (16, 14), (16, 16)])
@pytest.mark.parametrize("syntax", NATIVE, ids=lambda s: s.name)
def test_bytes_in_swapped_order_are_refused_and_named(tmp_path, syntax, bits, held, signed):
    stored = values(held, signed)
    swapped = (stored & 0xFFFF).astype("<u2").byteswap()
    path = with_cells(tmp_path, swapped, syntax, bits=bits, signed=signed)
    assert "swapped order" in str(refusal(path))
    path = with_cells(tmp_path, stored, syntax, bits=bits, signed=signed)
    assert (read_radiograph(path).pixels == reference(stored, held if bits > 8 else 8)).all()


@pytest.mark.parametrize("make", [
    lambda rng, ramp: rng.integers(0, 65_536, ramp.shape),  # noise alone
    lambda rng, ramp: (ramp * 255).astype(int),  # 8 bits of 16
    lambda rng, ramp: (ramp * 255).astype(int) << 8,
    lambda rng, ramp: (ramp * 255).astype(int) * 257,
    lambda rng, ramp: (ramp * 1023).astype(int) << 6,
    lambda rng, ramp: np.where(ramp < 0.5, 0, 65_535),  # two values
    lambda rng, ramp: np.where(ramp < 0.01, 65_535, (ramp * 3000).astype(int)),  # a marker
    lambda rng, ramp: (ramp * 300).astype(int) + rng.integers(0, 3, ramp.shape),
    lambda rng, ramp: np.full(ramp.shape, 258),
])  # fmt: skip
@pytest.mark.parametrize("signed", [False, True])
def test_pictures_in_true_order_are_not_taken_for_swapped_ones(tmp_path, make, signed):
    ramp = np.add.outer(np.linspace(0, 0.7, 97), np.linspace(0, 0.3, 83))
    cells = make(np.random.default_rng(3), ramp)
    cells = cells - 32_768 if signed else cells
    assert not has_swapped_bytes((cells & 0xFFFF).astype(np.uint16), signed=signed)


@pytest.mark.parametrize("bits", [10, 11, 12])
@pytest.mark.parametrize("windowed", [False, True])
def test_jpeg_extended_is_read_with_its_own_12_bits(tmp_path, bits, windowed):
    stored = values(bits)
    data = dataset(stored, bits=bits, syntax=uid.JPEGExtended12Bit)
    stream = imagecodecs.jpeg8_encode(stored.astype("<u2"), level=80, bitspersample=12)
    data.PixelData = encapsulate([stream])
    if windowed:
        data.WindowCenter, data.WindowWidth = [2 ** (bits - 1)], [2**bits]
    read = read_radiograph(write(tmp_path / "a.dcm", data)).pixels
    exact = imagecodecs.jpeg8_decode(stream).astype(float)
    assert bits == 12 or exact.max() > 2**bits - 1  # what a quantised edge overshoots
    if windowed:
        expected = ((exact - 2 ** (bits - 1) + 0.5) / (2**bits - 1) + 0.5).clip(0, 1) * 255
    else:
        expected = (exact - exact.min()) / (exact.max() - exact.min()) * 255
    assert np.abs(read - expected).max() <= 0.5 + 1e-6
