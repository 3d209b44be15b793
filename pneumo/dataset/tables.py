"""CSV tables from anywhere: any usual separator, line end and BOM; refused when in doubt.

The index of every table, ``line``, is the line in the file, so that a fault can be found again
without printing what stands there.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from pneumo.base.errors import DataError

SEPARATORS = (",", ";", "\t")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t]*\s*')
"""A first line by which Excel is told the separator; it is no row."""

LARGEST_BYTES = 512 * 2**20
SHOWN = 5
"""Row numbers that a message gives at most."""

BLANK = frozenset({"", "nan", "na", "null", "none"})
TEXT = frozenset({"patientId", "person", "class", "split", "PredictionString", "Filename"})
"""Columns that are never numbers, whatever they look like."""


def read_table(
    path: Path, columns: Iterable[str], *, text: bool = False, exactly: bool = False,
    numbers: Collection[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Read a table that must have ``columns``, and with ``exactly`` no other.

    Comma, semicolon and tab separate, whichever gives the columns; with the latter two a decimal
    comma is read. IDs, classes, and all cells if ``text``, stay strings, and blanks are missing
    values unless ``text``. A cell of ``numbers`` must be a number or blank. Raises DataError with
    one line that gives counts and line numbers, and no value.
    """
    columns = list(columns)
    lines, first, separators = _lines(path)
    separator, header = _header(path, lines[first], separators, columns, exactly)
    table = _rows(path, lines, first + 1, separator, header)
    if text:
        return table
    if table.empty:
        raise DataError(f"{path}: has column names, but no rows")
    for name in header:
        table[name] = _column(path, table[name], separator, name in numbers)
    return table


def read_cells(path: Path) -> list[list[str]]:
    """The filled rows of a table of which no name of a column is known, without outer blanks.

    Raises DataError for a file that is no text.
    """
    lines, first, separators = _lines(path)
    separator = max(separators, key="".join(lines[first:]).count)
    rows = csv.reader(lines[first:], delimiter=separator)
    try:
        cells = [[cell.strip() for cell in row] for row in rows]
    except csv.Error:
        raise DataError(f"{path}, line {rows.line_num + first}: a cell has no end") from None
    return [row for row in cells if any(row)]


def spell(ids: pd.Series) -> pd.Series:
    """IDs without blanks, case, Unicode form and a last ``.dcm``: spellings of one become equal."""
    plain = ids.astype("string").str.normalize("NFC").str.replace(r"\s+", "", regex=True)
    folded = plain.str.casefold().str.normalize("NFC")
    return folded.str.replace(r"(?<=.)\.(dcm|dicom)$", "", regex=True)


def lines_of(numbers: Iterable[int]) -> str:
    """``lines 3, 9, 12``: the first of some line numbers."""
    shown = sorted(numbers)
    more = ", ..." if len(shown) > SHOWN else ""
    return f"line{'s' if len(shown) > 1 else ''} {', '.join(map(str, shown[:SHOWN]))}{more}"


def _lines(path: Path) -> tuple[list[str], int, tuple[str, ...]]:
    """The lines of a file, the number of its header, and the separators that it may have."""
    lines = io.StringIO(_decode(path), newline="").readlines()
    if (said := SEPARATOR_LINE.fullmatch(lines[0])) and len(lines) > 1:
        others = (sign for sign in SEPARATORS if sign != said[1])
        return lines, 1, (said[1], *others)
    return lines, 0, SEPARATORS


def _decode(path: Path) -> str:
    """The file's text; UTF-8, or UTF-16 with its mark."""
    try:
        if not path.is_file():
            trouble = "it is a folder; name a file in it" if path.is_dir() else "no such file"
            raise DataError(f"{path}: cannot be read: {trouble}")
        if path.stat().st_size > LARGEST_BYTES:
            raise DataError(f"{path}: has over {LARGEST_BYTES // 2**20} MiB; this is no table")
        content = path.read_bytes()
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from None
    if not text.strip():
        raise DataError(f"{path}: is empty")
    if "\0" in text:
        raise DataError(f"{path}: holds zero bytes; this is no table")
    return text


def _header(
    path: Path, line: str, separators: tuple[str, ...], columns: list[str], exactly: bool
) -> tuple[str, list[str]]:
    """The separator under which the first line has the columns, and their names."""
    found = {sign: _names(line, sign) for sign in separators}
    fitting = [sign for sign in separators if set(columns) <= set(found[sign])]
    best = fitting[0] if fitting else max(separators, key=lambda sign: len(found[sign]))
    names = found[best]
    shown = ", ".join(_safe(name) for name in names[:20])
    faults = [f"column {name} is missing" for name in columns if name not in names]
    if exactly:
        strange = [_safe(name) or "without a name" for name in names if name not in columns]
        faults += [f"column {name} does not belong there" for name in strange[:SHOWN]]
    faults += [f"column {_safe(n)} stands twice" for n in sorted(set(names)) if names.count(n) > 1]
    if faults:
        raise DataError(f"{path}: {'; '.join(faults)} (found {shown})")
    return best, names


def _names(line: str, separator: str) -> list[str]:
    cells: list[str] = next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])
    return [cell.strip() for cell in cells]


def _safe(name: str) -> str:
    return re.sub(r"[^\w .:-]", "?", name)[:40]


def _rows(
    path: Path, lines: list[str], first: int, separator: str, header: list[str]
) -> pd.DataFrame:
    reader = csv.reader(lines[first:], delimiter=separator, strict=True)
    rows, numbers = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                numbers.append(reader.line_num + first)
    except csv.Error:
        raise DataError(f"{path}, line {reader.line_num + first}: a quote is not closed") from None
    width = len(header)
    if uneven := [n for n, row in zip(numbers, rows, strict=True) if len(row) != width]:
        raise DataError(
            f"{path}: {len(uneven)} rows have not {width} cells as the first line "
            f"({lines_of(uneven)})"
        )
    return pd.DataFrame(rows, columns=header, index=pd.Index(numbers, name="line"), dtype=str)


def _column(path: Path, cells: pd.Series, separator: str, must: bool) -> pd.Series:
    """A column as numbers where it holds nothing else, otherwise as strings; blanks missing."""
    if cells.name in TEXT:
        return cells.mask(cells.str.strip() == "")
    filled = cells.str.strip().mask(cells.str.strip().str.lower().isin(BLANK))
    values = pd.to_numeric(_decimal(filled, separator), errors="coerce")
    strange = values.isna() & filled.notna()
    if not strange.any():
        return values
    if must:
        lines = lines_of(cells.index[strange])
        count = int(strange.sum())
        raise DataError(f"{path}: column {cells.name}: {count} cells are no numbers ({lines})")
    return cells.mask(cells.str.strip() == "")


def _decimal(cells: pd.Series, separator: str) -> pd.Series:
    """Decimal commas as points, unless one could as well separate thousands."""
    plain = cells.str.fullmatch(r"-?\d+(,(\d{1,2}|\d{4,}))?", na=True)
    if separator == "," or not plain.all():
        return cells
    return cells.str.replace(",", ".")
