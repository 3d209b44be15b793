"""How stored values become grey levels: what the header asks for, checked."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pneumo.base.safe import code
from pneumo.dicom._guards import ALLOCATED, PHOTOMETRIC_INTERPRETATION, REPRESENTATION, STORED
from pneumo.dicom._header import Header, named
from pneumo.dicom._syntaxes import LOSSY
from pneumo.dicom.refusal import refuse

INTERCEPT, SLOPE, MODALITY_LUT = 0x00281052, 0x00281053, 0x00283000
CENTRE, WIDTH, FUNCTION, VOI_LUT = 0x00281050, 0x00281051, 0x00281056, 0x00283010
LUT_DESCRIPTOR, LUT_DATA = 0x00283002, 0x00283006
PRESENTATION_SHAPE = 0x20500020
PADDING, PADDING_LIMIT = 0x00280120, 0x00280121
LOSSY_COMPRESSION = 0x00282110
Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class Lut:
    """A lookup table: ``first`` is the value that maps to ``entries[0]``; outputs have ``bits``."""

    first: int
    entries: np.ndarray
    bits: int


@dataclass(frozen=True)
class Window:
    """The values between black and white: ``centre``, ``width`` and the curve between them."""

    centre: float
    width: float
    function: Function = "LINEAR"


@dataclass(frozen=True)
class Display:
    """Modality rescale or LUT, then VOI LUT or window, then inversion (PS3.3 C.11.1, C.11.2)."""

    slope: float = 1.0
    intercept: float = 0.0
    modality: Lut | None = None
    voi: Lut | Window | None = None
    inverted: bool = False
    padding: tuple[int, int] | None = None
    """Lowest and highest stored value that fills the picture's border and is no part of it."""
    lossy: bool = False
    """Whether compression may have moved the values, those of padding too."""
    doubt: str = ""
    """Why black and white may be the other way round."""


def display(header: Header) -> Display:
    """What a header asks for. LUTs come before windows, and of several the first counts.

    Raises Refused: ``bad_rescale``, ``bad_window``, ``bad_lut``, ``bad_header``.
    """
    signed = header.integer(REPRESENTATION, 0) == 1  # pydicom decodes it with a sequence
    modality = next(iter(header.items(MODALITY_LUT)), None)
    slope, intercept = header.decimal(SLOPE, 1.0), header.decimal(INTERCEPT, 0.0)
    if modality is None:
        _check_rescale(slope, intercept)
    voi = next(iter(header.items(VOI_LUT)), None)
    step = abs(slope) if modality is None else 1
    below_0 = modality is None and _lowest(header, slope, intercept, signed=signed) < 0
    return Display(
        slope=slope,
        intercept=intercept,
        modality=None if modality is None else _lut(modality, "modality", signed=signed),
        voi=_window(header, step) if voi is None else _lut(voi, "VOI", signed=below_0),
        inverted=header.text(PHOTOMETRIC_INTERPRETATION) == "MONOCHROME1",
        padding=_padding(header, signed=signed),
        lossy=header.syntax in LOSSY or header.text(LOSSY_COMPRESSION) == "01",
        doubt=_contradiction(header),
    )


def _lowest(header: Header, slope: float, intercept: float, *, signed: bool) -> float:
    """The lowest value that a pixel can have after its rescale."""
    bits = header.integer(STORED) or header.integer(ALLOCATED) or 16
    first = -(1 << (bits - 1)) if signed else 0
    return intercept + min(slope * first, slope * (first + (1 << bits) - 1))


def _check_rescale(slope: float, intercept: float) -> None:
    if not math.isfinite(slope) or slope == 0 or abs(slope) > 1e12:
        refuse("bad_rescale", f"{named(SLOPE)} is {slope:g}; it must be finite and not 0")
    if not math.isfinite(intercept) or abs(intercept) > 1e15:
        refuse("bad_rescale", f"{named(INTERCEPT)} is {intercept:g}; it must be finite")


def _padding(header: Header, *, signed: bool) -> tuple[int, int] | None:
    """Pixel Padding Value, to its Range Limit where there is one (PS3.3 C.7.5.1.1.2)."""
    first = header.integer(PADDING)
    if first is None:
        return None
    last = header.integer(PADDING_LIMIT, first)
    low, high = sorted(
        _sign(value, signed=signed) for value in (first, first if last is None else last)
    )
    return low, high


def _sign(value: int, *, signed: bool) -> int:
    """An implicit VR does not tell the sign of a value; that of the pixels does."""
    if signed:
        return value - 65_536 if value > 32_767 else value
    return value % 65_536


def _window(header: Header, step: float) -> Window | None:
    """The first window that can be used, where values are ``step`` apart (PS3.3 C.11.2.1.2)."""
    centres, widths = header.decimals(CENTRE), header.decimals(WIDTH)
    if not centres and not widths:
        return None
    if not centres or not widths:
        given, missing = (CENTRE, WIDTH) if centres else (WIDTH, CENTRE)
        refuse("bad_window", f"{named(given)} is given, but {named(missing)} is missing")
    function = next((f for f in FUNCTIONS if f == (header.text(FUNCTION) or "LINEAR")), None)
    if function is None:
        refuse("bad_window", f"{named(FUNCTION)} is {code(header.text(FUNCTION))}; it is not known")
    faults: list[str] = []
    for centre, width in zip(centres, widths, strict=False):
        if fault := _fault(centre, width, function, step):
            faults.append(fault)
            continue
        if faults:
            header.note("window_passed_over", f"{faults[0]}; window {len(faults) + 1} is used")
        if function == "LINEAR" and width < 1:
            said = f"{named(WIDTH)} is {width:g}, under 1, which LINEAR does not allow"
            header.note("window_exact", f"{said}; it is read as LINEAR_EXACT")
            function = "LINEAR_EXACT"
        return Window(centre, width, function)
    refuse("bad_window", f"{faults[0]}; correct it, or remove the window")


def _fault(centre: float, width: float, function: Function, step: float) -> str:
    """Why a window cannot be used; blank when it can."""
    if not math.isfinite(width) or width <= 0 or (function == "LINEAR" and width < min(1, step)):
        least = f"at least {min(1, step):g}" if function == "LINEAR" else "above 0"
        return f"{named(WIDTH)} is {width:g}; for {function} it must be {least}"
    if not math.isfinite(centre):
        return f"{named(CENTRE)} is {centre:g}; it must be finite"
    return ""


def _lut(item: Header, kind: str, *, signed: bool = False) -> Lut:
    """Read one item of a LUT sequence (PS3.3 C.11.1.1, C.11.2.1.1).

    The first mapped value has the sign of its VR; an unsigned VR over 32,767 is negative where
    values before the table may be (``signed``). Entries that need more bits than the descriptor
    says, or leave its highest bit unused, tell the range themselves, which is noted; of a modality
    LUT only the former matters.
    """
    descriptor, data = item.words(LUT_DESCRIPTOR), item.raw(LUT_DATA)
    if len(descriptor) != 3 or not data:
        refuse("bad_lut", f"a table lacks {named(LUT_DESCRIPTOR)} or {named(LUT_DATA)}")
    count, first, bits = descriptor[0] or 65_536, descriptor[1], descriptor[2]
    if first > 32_767 and (signed or item.is_signed(LUT_DESCRIPTOR)):
        first -= 65_536
    if not 8 <= bits <= 16:
        refuse("bad_lut", f"{named(LUT_DESCRIPTOR)} says {bits} bits an entry; it must be 8 to 16")
    words = np.array(item.words(LUT_DATA), "<u2")
    packed = bits == 8 and count <= len(data) < 2 * count  # two entries a word
    entries = _bytes(item, data, words) if packed else words
    if entries.size < count:
        refuse("bad_lut", f"{named(LUT_DATA)} holds {entries.size:,} entries, not {count:,}")
    entries = entries[:count].astype(np.uint16)
    held = max(8, (int(entries.max()) - 1).bit_length())  # a last entry of 256 is one of 8 bits
    if held > bits or (held < bits and kind == "VOI"):
        said = f"{named(LUT_DESCRIPTOR)} of the {kind} LUT says {bits} bits an entry"
        item.note("lut_bits", f"{said}; the entries have {held}, which are taken as their range")
        bits = held
    return Lut(first, np.minimum(entries, (1 << bits) - 1), bits)


def _bytes(item: Header, data: bytes, words: np.ndarray) -> np.ndarray:
    """Entries of 8 bits: of two in a word the first is the lower byte, whatever its order."""
    if not item.little_endian and item.is_words(LUT_DATA):
        return words.view(np.uint8)
    return np.frombuffer(data, np.uint8)


def _contradiction(header: Header) -> str:
    """What Presentation LUT Shape says against Photometric Interpretation, which decides.

    The one repeats the other (PS3.3 C.7.6.1, C.8.11.3.1.2), and devices are known to get the shape
    wrong.
    """
    photometric, shape = header.text(PHOTOMETRIC_INTERPRETATION), header.text(PRESENTATION_SHAPE)
    if (photometric, shape) not in (("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")):
        return ""
    return (
        f"{named(PRESENTATION_SHAPE)} is {shape}, which contradicts {photometric}, as it is drawn"
    )
