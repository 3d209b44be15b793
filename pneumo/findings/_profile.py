"""What is left of a header by the Basic Application Level Confidentiality Profile (PS3.15 E.2).

The profile's table names what must go; here is what may stay, each value held against what it may
be, and everything else goes: private elements, overlays, sequences, texts, unknown and retired
elements. So nothing that a site writes into an unusual place stays.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from pneumo.dicom.refusal import Refused, refuse
from pneumo.findings._headers import AGE, uid_in
from pneumo.findings._pseudonyms import Pseudonyms
from pneumo.findings._tables import table_of
from pneumo.findings._texts import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from pneumo.dicom.stored import Stored

EMPTY = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate",
    "PatientSex", "StudyID", "SeriesNumber", "InstanceNumber", "ContentDate", "ContentTime",
)  # fmt: skip
"""Type 2 attributes: there, and blank."""

TERMS = {
    "Modality": ("CR", "DX"),
    "PhotometricInterpretation": ("MONOCHROME1", "MONOCHROME2"),
    "BodyPartExamined": ("CHEST", "THORAX", "LUNG", "RIB", "CHESTABDOMEN"),
    "ViewPosition": ("AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"),
    "VOILUTFunction": ("LINEAR", "LINEAR_EXACT", "SIGMOID"),
    "PresentationLUTShape": ("IDENTITY", "INVERSE"),
    "PresentationIntentType": ("FOR PRESENTATION", "FOR PROCESSING"),
    "RescaleType": ("US", "OD", "HU"),
    "LossyImageCompression": ("00", "01"),
    "LossyImageCompressionMethod": ("ISO_10918_1", "ISO_14495_1", "ISO_15444_1"),
    "BurnedInAnnotation": ("YES", "NO"),
    "ImageLaterality": ("L", "R", "B", "U"),
    "ConversionType": ("DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"),
}  # fmt: skip
NUMBERS = {
    "PixelSpacing": 2, "ImagerPixelSpacing": 2, "NominalScannedPixelSpacing": 2,
    "PixelAspectRatio": 2, "WindowCenter": 8, "WindowWidth": 8, "RescaleIntercept": 1,
    "RescaleSlope": 1, "KVP": 1, "ExposureTime": 1, "XRayTubeCurrent": 1, "Exposure": 1,
    "DistanceSourceToDetector": 1, "DistanceSourceToPatient": 1, "LossyImageCompressionRatio": 1,
}  # fmt: skip
"""Decimal and integer strings that may stay, and how many values at most."""

NUMBER = re.compile(r"[+-]?\d{0,5}(\.\d{0,8})?")
"""Too few digits before the point for a date or a telephone number."""

STORAGE = "1.2.840.10008.5.1.4.1.1."  # PS3.4 B.5
PADDING = ("PixelPaddingValue", "PixelPaddingRangeLimit")
METHOD = "pneumo: Basic Application Level Confidentiality Profile"
"""64 characters at most (PS3.5 6.2, LO)."""

CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113108", "Retain Patient Characteristics Option"),
)
"""PS3.16 CID 7050; the second where sex and age stay."""


class Named(NamedTuple):
    """Who and which a new file says it is, in the place of what its source says."""

    sop_class: str
    instance: str
    study: str
    series: str
    person: str


def keyed(source: "Dataset", names: Pseudonyms) -> Named:
    """Keyed pseudonyms for what a source names. Raises Refused where it names nothing."""
    sop_class = uid_in(source, "SOPClassUID")
    if not sop_class.startswith(STORAGE):
        refuse("bad_uid", "has a SOPClassUID that is none of images")
    issuer = text_of(source, 0x00100021) or ""
    return Named(
        sop_class=sop_class,
        instance=names.uid(uid_in(source, "SOPInstanceUID")),
        study=names.uid(uid_in(source, "StudyInstanceUID")),
        series=names.uid(uid_in(source, "SeriesInstanceUID")),
        person=names.person(text_of(source, 0x00100020) or "", issuer),
    )


def image_class(source: "Dataset") -> str:
    """The source's SOP Class where PS3.4 B.5 has it, else that of computed radiographs."""
    from pydicom.uid import UID, ComputedRadiographyImageStorage

    told = UID(_text(source, "SOPClassUID"))
    known = told.startswith(STORAGE) and told.name != told
    return str(told if known else ComputedRadiographyImageStorage)


def deidentified(
    source: "Dataset", pixels: "Stored", named: Named, *, characteristics: bool = False
) -> "Dataset":
    """A new data set of a radiograph; with ``characteristics``, sex and age stay (PS3.15 E.3.7)."""
    from pydicom import Dataset

    new = Dataset()
    new.SpecificCharacterSet = "ISO_IR 192"
    new.SOPClassUID, new.SOPInstanceUID = named.sop_class, named.instance
    new.StudyInstanceUID, new.SeriesInstanceUID = named.study, named.series
    new.PatientID = new.PatientName = named.person
    for keyword in EMPTY:
        setattr(new, keyword, "")
    if characteristics:
        _copy_characteristics(new, source)
    _copy_terms(new, source)
    _copy_numbers(new, source)
    _copy_tables(new, source)
    new.PatientIdentityRemoved = "YES"
    new.DeidentificationMethod = METHOD
    done = CODES[: 1 + characteristics]
    new.DeidentificationMethodCodeSequence = [_code(*code) for code in done]
    _put_pixels(new, source, pixels)
    return new


def _code(value: str, meaning: str) -> "Dataset":
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _copy_characteristics(new: "Dataset", source: "Dataset") -> None:
    if (sex := _text(source, "PatientSex").upper()) in ("M", "F", "O"):
        new.PatientSex = sex
    if age := AGE.fullmatch(_text(source, "PatientAge")):
        new.PatientAge = f"{int(age[1]):03}{age[2].upper()}"


def _copy_terms(new: "Dataset", source: "Dataset") -> None:
    for keyword, terms in TERMS.items():
        if (value := _text(source, keyword).upper()) in terms:
            setattr(new, keyword, value)
    kind = _text(source, "ImageType").upper().split("\\")[:2]
    if (
        len(kind) == 2
        and kind[0] in ("ORIGINAL", "DERIVED")
        and kind[1] in ("PRIMARY", "SECONDARY")
    ):
        new.ImageType = kind
    sides = _text(source, "PatientOrientation").upper().split("\\")
    known = len(sides) == 2 and all(re.fullmatch("[ALRPHF]{1,3}", side) for side in sides)
    new.PatientOrientation = sides if known else ""


def _copy_numbers(new: "Dataset", source: "Dataset") -> None:
    for keyword, most in NUMBERS.items():
        texts = [text.strip() for text in _text(source, keyword).split("\\")]
        good = all(NUMBER.fullmatch(text) and re.search(r"\d", text) for text in texts)
        if good and len(texts) <= most:
            setattr(new, keyword, texts if len(texts) > 1 else texts[0])


def _copy_tables(new: "Dataset", source: "Dataset") -> None:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        if (table := table_of(source, keyword)) is None:
            continue
        item = Dataset()
        kind = "SS" if table.first < 0 else "US"
        descriptor = [len(table.entries) % 65536, table.first, table.bits]
        item[0x00283002] = DataElement(0x00283002, kind, descriptor)
        item[0x00283006] = DataElement(0x00283006, "OW", table.entries.astype("<u2").tobytes())
        if keyword == "ModalityLUTSequence":
            item.ModalityLUTType = "US"
        setattr(new, keyword, [item])


def _put_pixels(new: "Dataset", source: "Dataset", pixels: "Stored") -> None:
    from pydicom.dataelem import DataElement

    kind = "SS" if pixels.signed else "US"
    low, high = (-(2 ** (pixels.bits - 1)), 2 ** (pixels.bits - 1) - 1)
    if not pixels.signed:
        low, high = 0, 2**pixels.bits - 1
    for keyword in PADDING:
        try:
            value = int(source.get(keyword))
        except (TypeError, ValueError):
            continue
        if low <= value <= high:
            new.add(DataElement(keyword, kind, value))
    new.SamplesPerPixel, new.PixelRepresentation = 1, int(pixels.signed)
    new.Rows, new.Columns = pixels.values.shape
    width = pixels.values.dtype.itemsize
    new.BitsAllocated, new.BitsStored, new.HighBit = 8 * width, pixels.bits, pixels.bits - 1
    data = pixels.values.astype(pixels.values.dtype.newbyteorder("<")).tobytes()
    new.add_new(0x7FE00010, "OW" if width == 2 else "OB", data + b"\0" * (len(data) % 2))


def _text(source: "Dataset", keyword: str) -> str:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None
    try:
        return (text_of(source, tag) or "").strip()
    except Refused:
        return ""
