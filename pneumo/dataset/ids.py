"""Images by name: IDs of several tables brought to one spelling, and lists of IDs."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

import pandas as pd

from pneumo.base.errors import DataError
from pneumo.dataset.tables import read_cells, spell

Found = TypeVar("Found")
HEADINGS = frozenset({"patientid", "imageid", "id", "image", "filename", "file", "name"})


class Names:
    """What images are called; an ID that differs in no more than ``spell`` forgives is theirs."""

    def __init__(self, names: Iterable[str]) -> None:
        own = pd.Series(sorted(set(names)), dtype=object)
        keys = spell(own)
        alone = ~keys.duplicated(keep=False)
        self._own = frozenset(own)
        self._alone = dict(zip(keys[alone], own[alone], strict=True))

    def of(self, ids: pd.Series) -> pd.Series:
        """The name that is spelt so, else the only one that is meant, else the ID as it is."""
        meant = spell(ids).map(self._alone)
        return ids.where(ids.isin(self._own) | meant.isna(), meant.astype(ids.dtype))


def same_images(found: Mapping[str, Found], known: Iterable[str], where: str) -> dict[str, Found]:
    """``found`` by the names that ``known`` has for its images; DataError when two are one."""
    names = Names(known).of(pd.Series(list(found), dtype=object)).tolist()
    if len(set(names)) < len(names):
        raise DataError(f"{where}: an image stands twice, its ID written in two ways")
    return dict(zip(names, found.values(), strict=True))


def read_ids(path: Path, known: Iterable[str] = ()) -> list[str]:
    """The IDs of a list, one per line, spelt by ``tables.spell``, with or without a heading.

    Of several columns the one called ``patientId`` counts, else the only one that holds IDs of
    ``known``. DataError when there is no ID, or no such column.
    """
    rows = read_cells(path)
    columns = [list(cells) for cells in zip_longest(*rows, fillvalue="") if any(cells)]
    ids = spell(pd.Series(_column(path, columns, set(spell(pd.Series(list(known))))), dtype=object))
    found = set(ids[ids != ""])
    if not found:
        raise DataError(f"{path}: holds no ID; it must have one per line")
    return sorted(found)


def _column(path: Path, columns: Sequence[list[str]], known: set[str]) -> list[str]:
    """The cells of the column of IDs, without its heading."""
    headings = [_heading(cells[0]) for cells in columns]
    called = [cells for cells, name in zip(columns, headings, strict=True) if name == "patientid"]
    holding = [cells for cells in columns if known & set(spell(pd.Series(cells, dtype=object)))]
    chosen = next((found for found in (called, holding, columns) if len(found) == 1), None)
    if chosen is None:
        raise DataError(
            f"{path}: has {len(columns)} columns, and IDs of images in {len(holding)} of them; "
            "leave the column of IDs alone, or call it patientId"
        )
    cells = [cell.strip(' \t",;') for cell in chosen[0]]
    return cells[1:] if _heading(cells[0]) in HEADINGS - known else cells


def _heading(cell: str) -> str:
    return "".join(sign for sign in cell.casefold() if sign.isalnum())
