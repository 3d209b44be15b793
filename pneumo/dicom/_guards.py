"""What is accepted as a chest radiograph, from its header alone."""

from dataclasses import dataclass

from pneumo.base.safe import code
from pneumo.dicom._header import Header, named
from pneumo.dicom.refusal import refuse, require

MODALITIES = ("CR", "DX")
KNOWN_MODALITIES = frozenset(
    (
        "CR", "DX", "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CD", "CT", "CTPROTOCOL", "DG", "DOC",
        "ECG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IVOCT", "IVUS", "KER", "KO", "LEN",
        "LS", "M3D", "MG", "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV",
        "OSS", "OT", "PA", "PLAN", "POS", "PR", "PT", "PX", "REG", "RESP", "RF", "RG", "RTDOSE",
        "RTIMAGE", "RTPLAN", "RTRECORD", "RTSTRUCT", "RWV", "SEG", "SM", "SMR", "SR", "SRF",
        "STAIN", "TEXTUREMAP", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC",
    )
)  # fmt: skip
"""Codes of a modality (PS3.3 C.7.3.1.1.1), which messages may show: anything else may be a name."""
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2")
SMALLEST_SIDE_PX, LARGEST_AREA_PX = 64, 36_000_000
DIRECTORY = 0x00041220  # Directory Record Sequence
MODALITY, PHOTOMETRIC_INTERPRETATION = 0x00080060, 0x00280004
SAMPLES, FRAMES, ROWS, COLUMNS = 0x00280002, 0x00280008, 0x00280010, 0x00280011
ALLOCATED, STORED, HIGH_BIT, REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
OVERLAY_ALLOCATED, OVERLAY_BIT, OVERLAY_GROUPS = 0x60000100, 0x60000102, 16
PIXEL_DATA = 0x7FE00010
OTHER_PIXELS = (0x7FE00008, 0x7FE00009)  # Float, Double Float Pixel Data


@dataclass(frozen=True)
class Layout:
    """How pixels are stored: ``stored`` bits below and with ``high_bit`` of ``allocated``.

    ``rows`` and ``columns`` are in pixels; ``signed`` is two's complement (PS3.5 8.1.1).
    ``overlays`` has the bits of a cell that hold overlays, which no pixel needs.
    """

    rows: int
    columns: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    overlays: int = 0


def check(header: Header) -> Layout:
    """The layout of an acceptable radiograph's pixels; Refused, with its reason, for any other."""
    _check_kind(header)
    layout = _layout(header)
    if not header.raw(PIXEL_DATA):
        _refuse_pixels(header)
    return layout


def check_size(rows: int, columns: int, what: str) -> None:
    """Refuse, as ``absurd_size``, sides under 64 px and areas over 36 megapixels."""
    if min(rows, columns) < SMALLEST_SIDE_PX or rows * columns > LARGEST_AREA_PX:
        refuse(
            "absurd_size",
            f"{what} is {rows} x {columns}; sides must be at least {SMALLEST_SIDE_PX} and the "
            f"area at most {LARGEST_AREA_PX:,} pixels",
        )


def _check_kind(header: Header) -> None:
    if DIRECTORY in header:
        refuse("dicomdir", "is a DICOMDIR, which lists files and holds no picture; leave it out")
    modality, photometric = header.text(MODALITY), header.text(PHOTOMETRIC_INTERPRETATION)
    said = f"{named(PHOTOMETRIC_INTERPRETATION)} is {code(photometric)}; a chest radiograph must "
    must = "be MONOCHROME1 or MONOCHROME2"
    frames, samples = header.integer(FRAMES, 1), header.integer(SAMPLES, 1)
    coloured = photometric.startswith(("RGB", "YBR", "HSV", "ARGB", "CMYK"))
    require(
        [
            (modality.upper() in MODALITIES, "wrong_modality", _wrong_modality(modality)),
            (
                frames is not None and frames > 0,
                "bad_header",
                f"{named(FRAMES)} is {frames}, as if there were no picture; correct it to 1",
            ),
            (
                frames == 1,
                "multi_frame",
                f"{named(FRAMES)} is {frames}; it must be 1: export each as a file of its own",
            ),
            (not photometric.startswith("PALETTE"), "palette", said + must),
            (not coloured, "colour", said + must),
            (photometric in PHOTOMETRIC, "wrong_photometric", said + must),
            (samples == 1, "colour", f"{named(SAMPLES)} is {samples}; it must be 1"),
        ]
    )
    if modality not in MODALITIES:
        header.note("modality_case", f"{named(MODALITY)} is '{modality}'; it is read as a code")


def _wrong_modality(modality: str) -> str:
    must = "a chest radiograph must be CR or DX"
    if not modality:
        return f"{named(MODALITY)} is missing or blank; {must}"
    if modality.upper() in KNOWN_MODALITIES:
        return f"{named(MODALITY)} is '{modality}'; {must}"
    return f"{named(MODALITY)} holds {len(modality)} characters that are no modality; {must}"


def _layout(header: Header) -> Layout:
    rows, columns = header.integer(ROWS, 0) or 0, header.integer(COLUMNS, 0) or 0
    check_size(rows, columns, f"{named(ROWS)} x {named(COLUMNS)}")
    allocated = header.integer(ALLOCATED, 0) or 0
    stored = header.integer(STORED, allocated) or 0
    high = header.integer(HIGH_BIT, stored - 1) or 0
    representation = header.integer(REPRESENTATION, 0)
    require(
        [
            (
                allocated in (8, 16),
                "bad_bits",
                f"{named(ALLOCATED)} is {allocated}; it must be 8 or 16",
            ),
            (
                8 <= stored <= allocated,
                "bad_bits",
                f"{named(STORED)} is {stored}; it must be 8 to {allocated}",
            ),
            (
                stored - 1 <= high < allocated,
                "bad_bits",
                f"{named(HIGH_BIT)} is {high}; it must be {stored - 1} to {allocated - 1}",
            ),
            (
                representation in (0, 1),
                "bad_bits",
                f"{named(REPRESENTATION)} is {representation}; it must be 0 or 1",
            ),
        ]
    )
    overlays = _overlays(header, allocated) if stored < allocated else 0
    return Layout(rows, columns, allocated, stored, high, representation == 1, overlays)


def _overlays(header: Header, allocated: int) -> int:
    """The bits of a cell that its header gives to overlays (PS3.3 C.9.2, PS3.5 8.1.2)."""
    bits = 0
    for group in range(OVERLAY_GROUPS):
        position = header.words(OVERLAY_BIT + (group << 17))
        said = header.words(OVERLAY_ALLOCATED + (group << 17)) or [allocated]
        if position and said[0] == allocated and position[0] < allocated:
            bits |= 1 << position[0]
    return bits


def _refuse_pixels(header: Header) -> None:
    if PIXEL_DATA in header:
        refuse("empty_pixels", f"{named(PIXEL_DATA)} is empty")
    if any(tag in header for tag in OTHER_PIXELS):
        refuse("unsupported_pixels", "holds floating-point pixels; they must be whole numbers")
    refuse("no_pixels", f"{named(PIXEL_DATA)} is missing")
