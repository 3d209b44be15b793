"""The transfer syntaxes that are read, by their UIDs (PS3.5 10, PS3.6 A)."""

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = frozenset((IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN))

RLE = "1.2.840.10008.1.2.5"
JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70))
"""Baseline, extended, lossless, and lossless with the first predictor."""

JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (80, 81))
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91))
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91))
"""Those that may move values: JPEG baseline and extended, near-lossless JPEG-LS, JPEG 2000."""

ENCAPSULATED = JPEG | JPEG_LS | JPEG_2000 | {RLE}
