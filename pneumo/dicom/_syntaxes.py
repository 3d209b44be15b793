"""The transfer syntaxes that are read, by their UIDs (PS3.5 10, PS3.6 A)."""

from typing import Literal

Encoding = Literal["none", "RLE", "JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000"]

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = frozenset((IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN))
RLE = "1.2.840.10008.1.2.5"
JPEG_NUMBERS: dict[int, Encoding] = {
    50: "JPEG", 51: "JPEG", 57: "JPEG lossless", 70: "JPEG lossless",
    80: "JPEG-LS", 81: "JPEG-LS", 90: "JPEG 2000", 91: "JPEG 2000",
}  # fmt: skip
"""Baseline, extended, lossless, and lossless with the first predictor; lossless or not."""

LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91))
"""Those that may move values: JPEG baseline and extended, near-lossless JPEG-LS, JPEG 2000."""

ENCODINGS: dict[str, Encoding] = {
    **dict.fromkeys(NATIVE, "none"),
    RLE: "RLE",
    **{f"1.2.840.10008.1.2.4.{number}": kind for number, kind in JPEG_NUMBERS.items()},
}
"""The encoding of pixel data that each of them declares."""

ENCAPSULATED = frozenset(ENCODINGS) - NATIVE
