"""From a DICOM file to an 8-bit picture in which bone is bright. Training and scoring read here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit

from pneumo.boxes import Frame
from pneumo.errors import RadiographError

MODALITIES = ("CR", "DX")
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
SMALLEST_SIDE_PX, LARGEST_AREA_PX = 64, 36_000_000
LARGEST_FILE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Radiograph:
    """A radiograph as it was taken: ``pixels`` is uint8 ``(rows, columns)``, bone bright."""

    pixels: np.ndarray
    patient_id: str
    view: str
    sex: str
    age: float | None
    spacing_mm: float | None

    @property
    def frame_size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])


def read_radiograph(path: Path) -> Radiograph:
    """Read one frontal chest radiograph.

    Stored values pass modality rescale, VOI LUT or window (PS3.3 C.11.1, C.11.2), and inversion
    of MONOCHROME1, in this order. Raises RadiographError with a reason code for any other file.
    """
    dataset = _open(path)
    _check(path, dataset)
    return Radiograph(
        pixels=_to_8_bit(_decode(path, dataset), dataset),
        patient_id=str(dataset.get("PatientID", "")),
        view=str(dataset.get("ViewPosition", "")),
        sex=str(dataset.get("PatientSex", "")),
        age=_age(str(dataset.get("PatientAge", ""))),
        spacing_mm=_spacing(dataset),
    )


def fit(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """Scale a picture into a square by area averaging, centred on black.

    ``pixels`` is uint8 ``(rows, columns)``; returns uint8 ``(size_px, size_px)``. ``Frame`` maps
    boxes the same way.
    """
    frame = Frame(pixels.shape[0], pixels.shape[1], size_px)
    rows, columns = frame.shape
    scaled = Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BOX)
    square = np.zeros((size_px, size_px), np.uint8)
    top, left = frame.offset
    square[top : top + rows, left : left + columns] = np.asarray(scaled)
    return square


def _open(path: Path) -> Dataset:
    if not path.is_file():
        raise RadiographError(str(path), "not_a_file", "is no regular file")
    if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
        raise RadiographError(
            str(path), "too_large", f"{size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read"
        )
    try:
        return pydicom.dcmread(path)
    except Exception as error:  # pydicom raises many kinds on a broken file
        raise RadiographError(
            str(path), "not_dicom", f"is no DICOM file ({type(error).__name__})"
        ) from None


def _check(path: Path, dataset: Dataset) -> None:
    rows, columns = dataset.get("Rows", 0) or 0, dataset.get("Columns", 0) or 0
    frames = dataset.get("NumberOfFrames", 1) or 1
    rules = [
        (
            dataset.get("Modality") in MODALITIES,
            "wrong_modality",
            f"(0008,0060) Modality is {dataset.get('Modality')!r}; it must be CR or DX",
        ),
        (
            dataset.get("PhotometricInterpretation") in PHOTOMETRIC,
            "wrong_photometric",
            f"(0028,0004) Photometric Interpretation is "
            f"{dataset.get('PhotometricInterpretation')!r}; a chest radiograph must be "
            "MONOCHROME1 or MONOCHROME2",
        ),
        (int(frames) == 1, "multi_frame", f"(0028,0008) Number of Frames is {frames}; must be 1"),
        (
            min(rows, columns) >= SMALLEST_SIDE_PX and rows * columns <= LARGEST_AREA_PX,
            "absurd_size",
            f"(0028,0010) Rows x (0028,0011) Columns is {rows} x {columns}; sides must be at "
            f"least {SMALLEST_SIDE_PX} and the area at most {LARGEST_AREA_PX:,} pixels",
        ),
        ("PixelData" in dataset, "no_pixels", "(7FE0,0010) Pixel Data is missing"),
    ]
    for held, reason, message in rules:
        if not held:
            raise RadiographError(str(path), reason, message)


def _decode(path: Path, dataset: Dataset) -> np.ndarray:
    try:
        stored = pixel_array(dataset, decoding_plugin=_plugin(dataset.file_meta.TransferSyntaxUID))
    except Exception as error:  # decoders raise many kinds on broken pixel data
        raise RadiographError(
            str(path), "cannot_decode", f"pixel data cannot be decoded ({type(error).__name__})"
        ) from None
    if stored.shape != (dataset.Rows, dataset.Columns):
        raise RadiographError(
            str(path),
            "size_differs",
            f"pixel data are {stored.shape}, but (0028,0010) Rows x (0028,0011) Columns say "
            f"{dataset.Rows} x {dataset.Columns}",
        )
    return stored


def _plugin(syntax: UID) -> str:
    return "pillow" if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) else ""


def _to_8_bit(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    grey = stored if _is_grey(dataset) else _windowed(stored, dataset)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _is_grey(dataset: Dataset) -> bool:
    """Whether stored values are 8-bit grey levels as they stand: nothing rescales or windows."""
    tags = ("RescaleSlope", "ModalityLUTSequence", "WindowCenter", "VOILUTSequence")
    plain = not any(tag in dataset for tag in tags)
    return plain and dataset.BitsStored == 8 and not dataset.PixelRepresentation


def _windowed(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    values = apply_voi_lut(apply_modality_lut(stored, dataset), dataset).astype(np.float64)
    low, high = values.min(), values.max()
    return np.rint((values - low) / max(high - low, 1e-9) * 255).astype(np.uint8)


def _age(text: str) -> float | None:
    """Years from an Age String such as 045Y or 018M (PS3.5 6.2)."""
    units = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
    digits, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "Y")
    return int(digits) * units[unit] if digits.isdigit() else None


def _spacing(dataset: Dataset) -> float | None:
    spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    return float(spacing[0]) if spacing else None
