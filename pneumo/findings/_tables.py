"""Look-up tables of a source as a presentation state takes them: of 16 bits (PS3.3 C.11.8).

A table of other bits spans 16 in the same steps: what its entries have, or its descriptor says, is
the whole range, as it is when the radiograph is read. A Modality LUT and what follows it become one
table of stored values, since its own bits would have to be 8 or 16, too.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pneumo.dicom.refusal import refuse

if TYPE_CHECKING:
    from pydicom import Dataset

FULL = 65535
FEWEST_BITS = 8


class Table(NamedTuple):
    """``entries``, of ``bits`` bits, for values from ``first`` on; those outside get the ends."""

    first: int
    bits: int
    entries: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Shares of the range, 0 to 1, for numbers."""
        place = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(int)
        return np.asarray(self.entries[place] / (2**self.bits - 1))


class Window(NamedTuple):
    """Centre and width of a VOI function (PS3.3 C.11.2.1.2, C.11.2.1.3)."""

    centre: float
    width: float
    function: str

    def of(self, values: np.ndarray) -> np.ndarray:
        """Shares of the range, 0 to 1, for numbers."""
        if self.function == "SIGMOID":
            return np.asarray(1 / (1 + np.exp(-4 * (values - self.centre) / self.width)))
        less, half = (1.0, 0.5) if self.function == "LINEAR" else (0.0, 0.0)
        width = max(self.width - less, 1e-9)
        return np.clip((values - (self.centre - half)) / width + 0.5, 0, 1)


def table_of(source: "Dataset", keyword: str) -> Table | None:
    """The first table of a sequence; None without one. Raises Refused for one that is broken."""
    try:
        if not source.get(keyword):
            return None
        item = source[keyword].value[0]
        count, first, _ = (int(number) for number in _numbers(source, item, "LUTDescriptor", 3))
        entries = _numbers(source, item, "LUTData", count or 65536)
        signed = int(source.get("PixelRepresentation", 0) or 0) == 1 and first > 32767
    except Exception:  # pydicom raises many kinds on a broken sequence
        refuse("bad_header", "has a look-up table that cannot be read")
    needed = max(int(entries.max()).bit_length(), FEWEST_BITS)
    return Table(first - 65536 if signed else first, needed, entries)


def sixteen_bits(table: Table) -> "Dataset":
    """A table as an item of VOI LUT Sequence."""
    shares = table.entries / (2**table.bits - 1)
    return _item(table.first, shares)


def composed(modality: Table, shown: Table | Window | None) -> "Dataset":
    """A Modality LUT, and what is done to its values, as one item of VOI LUT Sequence."""
    if shown is None:
        return sixteen_bits(modality)
    return _item(modality.first, shown.of(modality.entries.astype(float)))


def _item(first: int, shares: np.ndarray) -> "Dataset":
    from pydicom import Dataset
    from pydicom.dataelem import DataElement

    item = Dataset()
    count = len(shares) % 65536
    item[0x00283002] = DataElement(
        0x00283002, "SS" if first < 0 else "US", [_signed(count) if first < 0 else count, first, 16]
    )
    words = np.rint(np.clip(shares, 0, 1) * FULL).astype("<u2").tobytes()
    item[0x00283006] = DataElement(0x00283006, "OW", words)
    return item


def _signed(count: int) -> int:
    return count - 65536 if count > 32767 else count


def _numbers(source: "Dataset", item: "Dataset", keyword: str, count: int) -> np.ndarray:
    """Unsigned numbers, whether they are told as numbers, as words or, two to a word, as bytes."""
    value = item[keyword].value
    if isinstance(value, bytes):
        if len(value) in (count, count + count % 2) and count > 3:
            return np.frombuffer(value, np.uint8)[:count]
        order = ">" if source.original_encoding[1] is False else "<"
        value = np.frombuffer(value, f"{order}u2")
    numbers = np.asarray(value, np.int64).ravel() & 0xFFFF
    if not 0 < len(numbers[:count]) == count:
        raise ValueError(keyword)
    return np.asarray(numbers[:count])
