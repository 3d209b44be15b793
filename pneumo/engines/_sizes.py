"""How large a ``.keras`` file becomes when it is loaded: looked up before Keras is asked to."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
LARGEST_CONFIG_BYTES = 16 * 2**20
LARGEST_GROWTH = 4
"""Bytes of weights per byte of the file; Keras compresses nothing."""

WIDEST = 16_384
WIDTHS = ("units", "filters", "output_dim", "input_dim")


def fault_of(path: Path) -> str:
    """Why a ``.keras`` file is not loaded, as the end of a sentence; blank for one that may be.

    A small file can hold weights that fill the memory, or ask for a layer that does; safe mode
    stops neither.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _of_archive(archive, path.stat().st_size)
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        return f"is no network that Keras saved ({type(error).__name__})"


def _of_archive(archive: zipfile.ZipFile, size: int) -> str:
    members = {member.filename: member for member in archive.infolist()}
    if set(members) != MEMBERS or len(members) != len(archive.infolist()):
        return "has other members than Keras saves"
    if members[CONFIG].file_size > LARGEST_CONFIG_BYTES:
        return f"describes its layers in {members[CONFIG].file_size:,} bytes"
    if members[WEIGHTS].file_size > LARGEST_GROWTH * size:
        return f"grows more than {LARGEST_GROWTH} times"
    widest = max(_widths(json.loads(archive.read(CONFIG))), default=0)
    if widest > WIDEST:
        return f"has a layer of {widest:,} channels; {WIDEST:,} are the most"
    # In memory, as Keras reads it: a member of an archive goes back by being read from its start.
    with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as weights:
        if (total := _bytes_of(weights)) > LARGEST_GROWTH * size:
            return f"holds weights of {total:,} bytes in a file of {size:,}"
    return ""


def _widths(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        yield from (value[key] for key in WIDTHS if isinstance(value.get(key), int | float))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _widths(item)


def _bytes_of(weights: h5py.File) -> int:
    sizes: list[int] = []
    weights.visititems(
        lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None
    )
    return sum(sizes)
