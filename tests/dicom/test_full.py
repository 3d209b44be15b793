"""The values that a person windows, against NumPy on the stored values."""

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from pneumo.dicom.full import read_full
from pneumo.dicom.workers import Reader, Rejected

ROWS, COLUMNS = 96, 80


def picture(bits: int, signed: bool) -> np.ndarray:
    """A ramp with noise over the whole range of the stored bits."""
    low = -(1 << (bits - 1)) if signed else 0
    chance = np.random.default_rng(bits)
    values = low + chance.integers(0, 1 << bits, (ROWS, COLUMNS))
    kind = np.uint8 if bits == 8 and not signed else np.int8 if bits == 8 else np.uint16
    return values.astype(np.int16 if signed and bits > 8 else kind)


def write(path, values: np.ndarray, bits: int, photometric: str = "MONOCHROME2", **tags):
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    file.Modality, file.BodyPartExamined, file.ViewPosition = "CR", "CHEST", "PA"
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, photometric
    file.Rows, file.Columns = values.shape
    file.BitsAllocated = values.dtype.itemsize * 8
    file.BitsStored, file.HighBit = bits, bits - 1
    file.PixelRepresentation = int(values.dtype.kind == "i")
    mask = (1 << bits) - 1
    cells = values.astype(np.int64) & mask
    file.PixelData = cells.astype(f"<u{values.dtype.itemsize}").tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


CASES = [
    (8, False, {}),
    (12, False, {}),
    (16, False, {"WindowCenter": "30000", "WindowWidth": "20000"}),
    (12, True, {"RescaleSlope": "1", "RescaleIntercept": "-1024"}),
    (12, False, {"RescaleSlope": "-1", "RescaleIntercept": "4095"}),
    (12, False, {"RescaleSlope": "0.25", "RescaleIntercept": "-7.5"}),
    (14, False, {"RescaleSlope": "2", "WindowCenter": "9000", "WindowWidth": "8000"}),
    (12, False, {"WindowCenter": "2000", "WindowWidth": "900", "VOILUTFunction": "LINEAR_EXACT"}),
]


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(("bits", "signed", "tags"), CASES)
def test_the_window_of_the_values_shows_what_the_header_asks_for(
    tmp_path, bits, signed, tags, photometric
):
    values = picture(bits, signed)
    tags = {"RescaleSlope": "1", "RescaleIntercept": "0"} | tags
    found = read_full(write(tmp_path / "a.dcm", values, bits, photometric, **tags))
    meant = values * float(tags["RescaleSlope"]) + float(tags["RescaleIntercept"])
    if "WindowCenter" in tags:
        centre, width = float(tags["WindowCenter"]), float(tags["WindowWidth"])
        if "VOILUTFunction" not in tags:
            centre, width = centre - 0.5, width - 1
        share = np.clip((meant - centre) / width + 0.5, 0, 1)
    else:
        share = (meant - meant.min()) / (meant.max() - meant.min())
    if photometric == "MONOCHROME1":
        share = 1 - share
    drawn = np.clip((found.pixels - found.centre) / found.width + 0.5, 0, 1)
    tolerance = 1 / 200 if bits == 8 else 1e-3  # a random picture need not reach both ends
    assert np.abs(drawn - share).max() < tolerance
    assert found.pixels.dtype == np.uint16
    assert len(np.unique(found.pixels)) == len(np.unique(values)), "no level is lost"


def test_a_reader_answers_one_file_after_the_other_and_outlives_bad_ones(tmp_path):
    good = write(tmp_path / "good.dcm", picture(12, False), 12)
    (tmp_path / "bad.dcm").write_bytes(good.read_bytes()[:900])
    reader = Reader()
    try:
        first, bad, again = (reader.full(tmp_path / f"{n}.dcm") for n in ("good", "bad", "good"))
        square = reader.square(good, 32, frontal_only=True)
    finally:
        reader.close()
    assert isinstance(bad, Rejected)
    np.testing.assert_array_equal(first.pixels, read_full(good).pixels)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert square.pixels.shape == (32, 32)
