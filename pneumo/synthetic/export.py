"""Synthetic radiographs as DICOM files with the tags of RSNA's."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ComputedRadiographyImageStorage, JPEGBaseline8Bit, generate_uid

from pneumo.synthetic.plan import Case

JPEG_QUALITY = 90
IMPLEMENTATION = UID("1.2.826.0.1.3680043.8.498.1")


def write_dicom(path: Path, case: Case, pixels: np.ndarray) -> None:
    """Write ``pixels``, uint8 ``(rows, columns)``, as JPEG baseline; same case, same bytes."""
    dataset = _described(case)
    _add_pixels(dataset, pixels)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION
    dataset.save_as(path, enforce_file_format=True)


def _described(case: Case) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        generate_uid(entropy_srcs=[str(case.seed), case.patient_id, level])
        for level in ("instance", "study", "series")
    )
    dataset.StudyDate, dataset.StudyTime = "19010101", "000000.00"  # as de-identified by RSNA
    dataset.Modality, dataset.ConversionType = "CR", "WSD"
    dataset.SeriesDescription = f"view: {case.view}"
    dataset.DerivationDescription = "Synthetic image drawn by pneumo demo; shows no real person"
    dataset.PatientName = dataset.PatientID = case.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex, dataset.PatientAge = case.sex, f"{case.age:03d}Y"
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", case.view
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.PatientOrientation = ""
    dataset.PixelSpacing = [case.spacing_mm, case.spacing_mm]
    return dataset


def _add_pixels(dataset: Dataset, pixels: np.ndarray) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "01"  # PS3.3 C.7.6.1.1.5
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=JPEG_QUALITY)
    dataset.LossyImageCompressionRatio = round(pixels.size / jpeg.tell(), 2)
    dataset.PixelData = encapsulate([jpeg.getvalue()])
