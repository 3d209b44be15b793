"""Lookup tables whose descriptor and entries disagree; right values by NumPy from the standard."""

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from pneumo.dicom import read_radiograph
from tests.dicom.files import dataset, values, write

EXPLICIT, BIG = uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian
SYNTAXES = (EXPLICIT, uid.ImplicitVRLittleEndian, BIG, uid.JPEGLSLossless)


def table(entries, bits, *, first=0, syntax=EXPLICIT, packed=False):
    """A LUT item: entries in words, or two of 8 bits a word, the first in the lower byte."""
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(entries) % 65_536, first, bits])
    words = np.asarray(entries, np.uint8 if packed else "<u2").tobytes()
    words = np.frombuffer(words + b"\0" * (len(words) % 2), "<u2")
    item.add_new(0x00283006, "OW", words.astype(">u2" if syntax == BIG else "<u2").tobytes())
    return item


def ramp(white, count=4096):
    return np.arange(count) * white // (count - 1)


def read(folder, data):
    found = read_radiograph(write(folder / "a.dcm", data))
    return found.pixels, sorted(found.notes)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda s: s.name)
@pytest.mark.parametrize(("says", "holds"), [
    (16, 12), (16, 10), (16, 15), (16, 8), (12, 10), (15, 14), (8, 12), (8, 16), (10, 12), (12, 16),
])  # fmt: skip
def test_a_voi_table_that_says_other_bits_than_it_holds_spans_its_own_range(
    tmp_path, says, holds, syntax
):
    stored, curve = values(12), ramp(2**holds - 1)
    voi = table(curve, says, syntax=syntax)
    data = dataset(stored, syntax=syntax, VOILUTSequence=[voi])
    pixels, notes = read(tmp_path, data)
    assert (pixels == np.rint(curve[stored] / (2**holds - 1) * 255)).all()
    assert notes == ["lut_bits"]


@pytest.mark.parametrize(("says", "white"), [
    (12, 4095), (12, 3900), (12, 2049), (16, 65_535), (16, 40_000), (8, 255), (8, 90), (10, 1000),
])  # fmt: skip
def test_a_voi_table_that_uses_its_highest_bit_is_as_dark_as_it_says(tmp_path, says, white):
    stored, curve = values(12), ramp(white)
    data = dataset(stored, VOILUTSequence=[table(curve, says)])
    pixels, notes = read(tmp_path, data)
    assert (pixels == np.rint(curve[stored] / (2**says - 1) * 255)).all()
    assert not notes


@pytest.mark.parametrize("says", [8, 16])
def test_a_last_entry_of_256_is_one_of_8_bits(tmp_path, says):
    stored, curve = values(12), ramp(256)
    pixels, notes = read(tmp_path, dataset(stored, VOILUTSequence=[table(curve, says)]))
    assert (pixels == np.minimum(curve[stored], 255)).all()
    assert notes == (["lut_bits"] if says == 16 else [])


@pytest.mark.parametrize(("says", "holds"), [(16, 12), (8, 12), (12, 12)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_signed_values_find_their_entry_and_those_beyond_it_the_last(
    tmp_path, says, holds, photometric
):
    stored, curve = values(12, signed=True), ramp(2**holds - 1, 3000)
    data = dataset(stored, signed=True, PhotometricInterpretation=photometric)
    data.VOILUTSequence = [table(curve, says, first=-1500)]
    shown = np.rint(curve[(stored + 1500).clip(0, 2999)] / 4095 * 255)
    pixels, notes = read(tmp_path, data)
    assert (pixels == (255 - shown if photometric == "MONOCHROME1" else shown)).all()
    assert notes == ([] if says == 12 else ["lut_bits"])


@pytest.mark.parametrize("syntax", [EXPLICIT, uid.ImplicitVRLittleEndian, BIG])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("count", [4096, 4001])
def test_entries_of_8_bits_are_read_one_or_two_a_word(tmp_path, syntax, packed, count):
    stored, curve = values(12), ramp(255, count)[::-1]
    voi = table(curve, 8, syntax=syntax, packed=packed)
    pixels, notes = read(tmp_path, dataset(stored, syntax=syntax, VOILUTSequence=[voi]))
    assert (pixels == curve[stored.clip(0, count - 1)]).all()
    assert not notes


@pytest.mark.parametrize(("says", "notes"), [(8, ["lut_bits"]), (12, []), (16, [])])
@pytest.mark.parametrize("then", ["nothing", "window", "table"])
def test_a_modality_table_gives_its_entries_whatever_bits_it_says(tmp_path, says, notes, then):
    stored, curve = values(12), np.arange(4096) ** 2 // 4095
    data = dataset(stored, ModalityLUTSequence=[table(curve, says)])
    mapped = curve[stored]
    if then == "nothing":
        shown = (mapped - mapped.min()) / (mapped.max() - mapped.min())
    elif then == "window":
        data.WindowCenter, data.WindowWidth, data.VOILUTFunction = 1000, 2000, "LINEAR_EXACT"
        shown = (mapped / 2000).clip(0, 1)
    else:
        data.VOILUTSequence = [table(ramp(1023)[::-1], 10)]
        shown = ramp(1023)[::-1][mapped] / 1023
    pixels, found = read(tmp_path, data)
    assert np.abs(pixels - shown * 255).max() <= 0.5 + 1e-9
    assert found == notes
