"""Radiographs of which one word each is known: any folder, and a table that names its files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo.base.errors import DataError
from pneumo.dataset.dataset import CLASS_INFO, open_tables
from pneumo.dataset.people import is_known, nobody_named, one_each
from pneumo.dataset.tables import read_table, spell
from pneumo.dicom.source import files_below

TABLE = "labels.csv"
PERSON = "person"


@dataclass(frozen=True)
class Columns:
    """What the columns of a table of labels are called; ``person`` None: ``person`` if it is there.

    An image whose person is not known counts as a person of its own.
    """

    file: str = "file"
    label: str = "label"
    person: str | None = None


def read_labelled(
    source: Path, table: Path | None, columns: Columns, where: Mapping[str, str]
) -> pd.DataFrame:
    """One row per image of the folder ``source``: ``file, label, person, path, reason``.

    ``table`` defaults to ``labels.csv`` in the folder, or to RSNA's tables where it has those
    alone. Rows whose columns are not as ``where`` says are left out. ``reason`` is a code where the
    row cannot be used (``no_label``, ``two_labels``, ``no_file``), else empty.
    DataError for a table or a column that is missing.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; it must hold radiographs")
    if table is None and not (source / TABLE).exists() and (source / CLASS_INFO).exists():
        rows = _rsna(source)
    else:
        rows = _rows(table or source / TABLE, columns, where)
    rows = rows.drop_duplicates(ignore_index=True).assign(reason="")
    unknown = rows.loc[~is_known(rows["person"]), "person"]
    if (unknown != "").any():
        print(f"{source}: {nobody_named(unknown)}; each counts as a person of its own")
    rows["person"] = one_each(rows["person"]).fillna(rows["file"])
    rows.loc[rows["label"] == "", "reason"] = "no_label"
    rows.loc[rows["file"].duplicated(keep=False), "reason"] = "two_labels"
    rows = rows.drop_duplicates("file", ignore_index=True).sort_values("file", ignore_index=True)
    rows["path"] = _paths(source, rows["file"].tolist())
    twice = rows["path"].duplicated(keep=False) & (rows["path"] != "")
    rows.loc[twice, "reason"] = "two_labels"
    rows.loc[rows["path"] == "", "reason"] = "no_file"
    return rows


def _rsna(root: Path) -> pd.DataFrame:
    images = open_tables(root).images()
    rows = images[["patientId", "class", "person"]].fillna("").astype(str)
    rows["person"] = rows["person"].where(rows["person"] != rows["patientId"], "")
    return rows.set_axis(["file", "label", "person"], axis=1)


def _rows(path: Path, columns: Columns, where: Mapping[str, str]) -> pd.DataFrame:
    wanted = [columns.file, columns.label, *([columns.person] if columns.person else []), *where]
    table = read_table(path, wanted, text=True)
    for name, value in where.items():
        table = table[table[name].str.strip() == value]
        if table.empty:
            raise DataError(f"{path}: column {name}: no row has the value that is asked for")
    person = columns.person or (PERSON if PERSON in table else None)
    people = table[person] if person else pd.Series("", index=table.index)
    found = {"file": table[columns.file], "label": table[columns.label], "person": people}
    return pd.DataFrame({name: cells.str.strip() for name, cells in found.items()})


def _paths(source: Path, names: Sequence[str]) -> list[str]:
    """The path of each name's file below ``source``: by its place there, else by name or stem.

    What ``tables.spell`` forgives, and backslashes, count where nothing is called just so. Empty
    where there is none, or where several files are called so.
    """
    files = list(files_below(source))
    places = [path.relative_to(source).as_posix() for path in files]
    called = [places, [path.name for path in files], [path.stem for path in files]]
    wanted = [name.removeprefix("./") for name in names]
    exact, spelt = _lookup(files, called), _lookup(files, map(_spelt, called))
    pairs = zip(wanted, _spelt(wanted), strict=True)
    return [str(exact.get(name) or spelt.get(key) or "") for name, key in pairs]


def _lookup(files: Sequence[Path], called: Iterable[Sequence[str]]) -> dict[str, Path]:
    """Each file by what it alone is called, the first of the lists ``called`` before the others."""
    paths: dict[str, Path] = {}
    for names in called:
        counts = Counter(names)
        alone = {n: file for n, file in zip(names, files, strict=True) if counts[n] == 1}
        paths = alone | paths
    return paths


def _spelt(names: Sequence[str]) -> list[str]:
    slashed = [name.replace("\\", "/") for name in names]
    return spell(pd.Series(slashed, dtype=object)).tolist()
