"""Radiographs without the names of people: a folder of new files for one of originals."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from pneumo.base.errors import DataError, RadiographError
from pneumo.base.safe import printable
from pneumo.dicom.identity import read_dataset
from pneumo.dicom.read import refusals_of
from pneumo.dicom.refusal import refuse
from pneumo.dicom.source import files_below, leaves
from pneumo.dicom.stored import read_stored
from pneumo.findings._burned_in import NotLookedError, can_look, may_show_text
from pneumo.findings._files import encoded, file_name, put_file
from pneumo.findings._profile import Named, deidentified, image_class, keyed
from pneumo.findings._pseudonyms import Pseudonyms, key_of
from pneumo.findings._uids import uid_of


@dataclass
class Deidentified:
    """How many files were written, what was refused, and new files that may show text.

    ``looked`` is whether every picture was looked at; one that could not be is ``doubtful``.
    """

    files: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    looked: bool = True


def deidentify(inbox: Path, out: Path, key: Path) -> Deidentified:
    """Write the radiographs below ``inbox`` into ``out`` by PS3.15's basic profile.

    Pixels are decoded and written anew, so that nothing beside them stays. UIDs and Patient IDs
    become keyed pseudonyms: the same ones for the same key, whose file is made where there is none.
    New files have names that nobody chose; ``refused`` names originals. Raises DataError for an
    inbox that is none, PneumoError for a key that others may read.
    """
    if not inbox.is_dir():
        raise DataError(f"{printable(inbox)}: is no folder; name that of the radiographs")
    if out.resolve().is_relative_to(inbox.resolve()):
        raise DataError(f"{printable(out)}: lies in the folder of the originals; name another one")
    found, names = Deidentified(looked=can_look()), Pseudonyms(key_of(key))
    out.mkdir(parents=True, exist_ok=True)
    written: dict[str, bytes] = {}
    for path in _inside(inbox):
        try:
            pixels = read_stored(path)
            source = read_dataset(path)
            with refusals_of(path):
                new = deidentified(source, pixels, keyed(source, names))
                name, data = file_name(str(new.SOPInstanceUID)), encoded(new)
                if written.setdefault(name, sha256(data).digest()) != sha256(data).digest():
                    refuse("ambiguous_uid", "shares its SOPInstanceUID with another radiograph")
        except RadiographError as refusal:
            found.reasons[refusal.reason] += 1
            found.refused.append(str(refusal))
            continue
        put_file(out / name, data)
        found.files += 1
        if can_look() and _is_doubtful(pixels.values, found):
            found.doubtful.append(name)
    return found


def renamed(path: Path, name: str, view: str = "") -> tuple[bytes, tuple[int, int]]:
    """One radiograph as a new file whose person and whose own name are ``name``; its size.

    By the same profile as ``deidentify``, but sex and age stay, and UIDs are made from ``name``.
    ``view`` (AP, PA) is what it shows where View Position does not say. The size is ``(rows,
    columns)``. Raises RadiographError.
    """
    pixels, source = read_stored(path), read_dataset(path)
    with refusals_of(path):
        instance, study, series = (uid_of("renamed", name, n) for n in range(3))
        named = Named(image_class(source), instance, study, series, person=name)
        new = deidentified(source, pixels, named, characteristics=True)
        if view in ("AP", "PA") and "ViewPosition" not in new:
            new.ViewPosition = view
        rows, columns = pixels.values.shape
        return encoded(new), (rows, columns)


def _is_doubtful(values: np.ndarray, found: Deidentified) -> bool:
    try:
        return may_show_text(values)
    except NotLookedError:
        found.looked = False
        return True


def _inside(folder: Path) -> Iterator[Path]:
    return (path for path in files_below(folder) if not leaves(path, folder))
