import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from pneumo.base.errors import RadiographError
from pneumo.dicom import fit, read_radiograph

PIXELS = (np.arange(128 * 96).reshape(128, 96) % 251).astype(np.uint8)


def radiograph(path, pixels=PIXELS, **tags):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid(
        entropy_srcs=["t"]
    )
    data.Modality, data.PatientID, data.PhotometricInterpretation = "CR", "p", "MONOCHROME2"
    data.ViewPosition, data.PatientSex, data.PatientAge = "PA", "F", "045Y"
    data.PixelSpacing = [0.15, 0.15]
    data.Rows, data.Columns, data.SamplesPerPixel, data.PixelRepresentation = *pixels.shape, 1, 0
    bits = pixels.dtype.itemsize * 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelData = pixels.tobytes()
    for tag, value in tags.items():
        setattr(data, tag, value)
    data.save_as(path, enforce_file_format=True)
    return path


def test_8_bit_values_are_grey_levels_as_they_stand(tmp_path):
    read = read_radiograph(radiograph(tmp_path / "a.dcm"))
    assert (read.pixels == PIXELS).all()
    assert (read.view, read.sex, read.age, read.spacing_mm) == ("PA", "F", 45.0, 0.15)


def test_monochrome1_is_inverted_so_that_bone_is_bright(tmp_path):
    path = radiograph(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    assert (read_radiograph(path).pixels == 255 - PIXELS).all()


def test_16_bit_values_are_scaled_from_their_own_range(tmp_path):
    pixels = PIXELS.astype(np.uint16) * 16 + 100
    read = read_radiograph(radiograph(tmp_path / "a.dcm", pixels)).pixels
    assert (read.min(), read.max()) == (0, 255)
    assert np.abs(read - PIXELS.astype(float) / 250 * 255).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "CT"}, "wrong_modality"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"Rows": 10}, "absurd_size"),
        ({"Rows": 60_000, "Columns": 60_000}, "absurd_size"),
        ({"PixelData": b"\x00" * 10}, "truncated"),
    ],
)
def test_what_is_no_chest_radiograph_is_refused_with_a_reason(tmp_path, tags, reason):
    with pytest.raises(RadiographError) as caught:
        read_radiograph(radiograph(tmp_path / "a.dcm", **tags))
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not DICOM", b"\x00" * 128 + b"DICM" + b"\xff" * 40])
def test_what_is_no_dicom_file_is_refused(tmp_path, content):
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    with pytest.raises(RadiographError) as caught:
        read_radiograph(path)
    assert caught.value.reason in ("not_dicom", "empty_file", "truncated")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing.dcm"):
        with pytest.raises(RadiographError, match="no regular file"):
            read_radiograph(path)


def test_resizing_averages_areas_and_keeps_the_aspect_ratio():
    pixels = np.kron(np.array([[0, 200], [100, 40]], np.uint8), np.ones((64, 32), np.uint8))
    square = fit(pixels, 32)
    assert square.shape == (32, 32)
    assert (square[:, :8] == 0).all()
    assert (square[:, 24:] == 0).all()
    assert (square[:16, 16:24] == 200).all()
    assert (square[16:, 8:16] == 100).all()


def test_area_averaging_is_the_mean_of_the_pixels_below():
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (1024, 1024), np.uint8)
    mean = pixels.reshape(64, 16, 64, 16).mean((1, 3))
    assert np.abs(fit(pixels, 64) - mean).max() < 1  # Pillow rounds twice
