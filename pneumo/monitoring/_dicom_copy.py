"""A radiograph as a data version keeps it: the pixels and how they are read, nothing of whom."""

from pathlib import Path

from pydicom import Dataset

from pneumo.base.errors import DataError

KEPT = (
    "SOPClassUID", "Modality", "ImageType", "PresentationIntentType", "ViewPosition",
    "BodyPartExamined", "PatientSex", "PatientAge", "ConversionType", "PresentationLUTShape",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PatientOrientation",
    "EstimatedRadiographicMagnificationFactor",
)  # fmt: skip
"""Elements that are kept beside the group (0028) and the pixels; all others go."""

PIXELS, IMAGE_GROUP = 0x7FE00010, 0x0028
TEXTS = {"LO", "LT", "ST", "UT", "UC", "SH", "PN", "UN", "UI", "OB", "SQ"}
"""What may hold words, or anything: of group (0028) these go, too."""

LOOK_UPS = {
    "ModalityLUTSequence": ("LUTDescriptor", "ModalityLUTType", "LUTData"),
    "VOILUTSequence": ("LUTDescriptor", "LUTData"),
    "PresentationLUTSequence": ("LUTDescriptor", "LUTData"),
}
"""Sequences that say how grey levels are shown, and what of their items is kept."""


def copy_unnamed(source: Path, target: Path, name: str) -> None:
    """Write the radiograph of ``source`` to ``target``, with ``name`` as its Patient ID.

    Private elements, sequences, texts and UIDs do not come along; new UIDs are made from ``name``.
    Raises DataError for what is no DICOM file.
    """
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.errors import InvalidDicomError
    from pydicom.uid import generate_uid

    try:
        read = dcmread(source)
    except (InvalidDicomError, OSError, ValueError) as error:
        raise DataError(f"is no DICOM file ({type(error).__name__})") from None
    new = Dataset()
    for element in read:
        grey = element.tag.group == IMAGE_GROUP and element.VR not in TEXTS
        if grey or element.tag == PIXELS or element.keyword in KEPT:
            new.add(element)
        elif element.keyword in LOOK_UPS:
            setattr(new, element.keyword, [_looked_up(i, element.keyword) for i in element.value])
    if PIXELS not in new:
        raise DataError("holds no pixels")
    new.PatientID, new.PatientName = name, ""
    new.StudyInstanceUID = generate_uid(entropy_srcs=[name, "study"])
    new.SeriesInstanceUID = generate_uid(entropy_srcs=[name, "series"])
    new.SOPInstanceUID = generate_uid(entropy_srcs=[name, "instance"])
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = new.get("SOPClassUID", "1.2.840.10008.5.1.4.1.1.1")
    meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    meta.TransferSyntaxUID = read.file_meta.TransferSyntaxUID
    new.file_meta = meta
    new.save_as(target, enforce_file_format=True)


def _looked_up(item: Dataset, name: str) -> Dataset:
    kept = Dataset()
    for keyword in LOOK_UPS[name]:
        if keyword in item:
            kept.add(item[keyword])
    return kept
