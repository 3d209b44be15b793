"""Squares kept on disk while a long reading goes on, so that a killed one continues.

A shard is one ``.npz`` file with the pixels and facts of some files, written whole. Its name is the
sum of what it was made from: names, sizes and times of the files, the side of the squares, which
views are read, and the code that reads them. A shard of anything else has another name, so it is
never used.
"""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.base.code import code_sum
from pneumo.base.errors import TransientError
from pneumo.base.files import sha256_of, unless_unread, whole
from pneumo.base.locks import alone, resume_folder
from pneumo.base.progress import track
from pneumo.prepared.squares import Square, read_squares

SHARD_BYTES, SHARD_FILES = 8 * 2**20, 512


class Shards:
    """The radiographs of a data set, read in shards of a few hundred; at most one in memory."""

    def __init__(
        self, folder: Path, paths: Sequence[Path], size_px: int, *, frontal_only: bool = True
    ):
        """Plan shards of ``paths`` in ``folder``; nothing is read yet."""
        self.folder, self.size_px, self.frontal_only = folder, size_px, frontal_only
        count = max(1, min(SHARD_FILES, SHARD_BYTES // size_px**2))
        self.parts = [paths[n : n + count] for n in range(0, len(paths), count)]
        how = [_reader(), size_px, frontal_only]
        self.files = [folder / f"{_key(part, how)}.npz" for part in self.parts]

    def read(self, workers: int | None = None) -> None:
        """Read what no finished shard holds, and remove shards of anything else."""
        for path in self.folder.glob("*.npz"):
            if path not in self.files or not _is_whole(path):
                path.unlink()
        missing = [n for n, path in enumerate(self.files) if not path.exists()]
        paths = [path for n in missing for path in self.parts[n]]
        total = sum(map(len, self.parts))
        read = partial(read_squares, frontal_only=self.frontal_only)
        squares = read(paths, self.size_px, workers) if paths else iter(())
        tracked = track(squares, total, "Reading radiographs", done=total - len(paths))
        for n in missing:
            _save(self.files[n], list(islice(tracked, len(self.parts[n]))))
        next(tracked, None)

    def facts(self) -> list[dict[str, Any]]:
        """One dict of facts per file, in the order of the files."""
        return [fact for path in self.files for fact in _load(path)[1]]

    def pixels(self) -> Iterator[tuple[int, np.ndarray]]:
        """The number of its first file, and the pixels ``(n, size_px, size_px)``, of each shard."""
        first = 0
        for part, path in zip(self.parts, self.files, strict=True):
            yield first, _load(path)[0]
            first += len(part)

    def write(self, path: Path, positions: np.ndarray) -> None:
        """Write the squares of the files at ``positions`` to an array ``path``, shard by shard.

        uint8, ``(len(positions), size_px, size_px)``: row n is the file at ``positions[n]``.
        """
        row_of = np.full(sum(map(len, self.parts)), -1)
        row_of[positions] = np.arange(len(positions))
        create(path, (len(positions), self.size_px, self.size_px))
        for first, pixels in self.pixels():
            rows = row_of[first : first + len(pixels)]
            array = np.load(path, mmap_mode="r+")  # mapped anew, so that pages do not stay
            array[rows[rows >= 0]] = pixels[rows >= 0]


def create(path: Path, shape: tuple[int, int, int]) -> None:
    """An array of zeros on disk that takes no memory: uint8."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


@contextmanager
def shards_beside(
    out: Path, paths: Sequence[Path], size_px: int, *, frontal_only: bool = True
) -> Iterator[Shards]:
    """Shards in a hidden folder beside ``out``, which goes when the block has succeeded.

    TransientError when another process makes the same output.
    """
    folder = resume_folder(out)
    with alone(folder / "lock", wait=False) as lock:
        if lock is None:
            raise TransientError(f"{out}: another process is writing it; wait for its end")
        yield Shards(folder, paths, size_px, frontal_only=frontal_only)
        shutil.rmtree(folder)


def _key(paths: Sequence[Path], how: list[Any]) -> str:
    return sha256_of([*how, [[path.name, *_state(path)] for path in paths]])[:32]


def _state(path: Path) -> list[int]:
    """Size and times of a file; the time of change is set by every write and cannot be set back."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _reader() -> str:
    """The sum of the code between a file and its square, and of the libraries it calls."""
    libraries = [
        version(name) for name in ("imagecodecs", "numpy", "pillow", "pydicom", "simplejpeg")
    ]
    return sha256_of([libraries, code_sum(__name__)])


def _save(path: Path, squares: Sequence[Square]) -> None:
    facts = json.dumps([fact for _, fact in squares]).encode()
    with whole(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            pixels=np.stack([square for square, _ in squares]),
            facts=np.frombuffer(facts, np.uint8),
        )


def _load(path: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    with np.load(path, allow_pickle=False) as shard:
        return shard["pixels"], json.loads(shard["facts"].tobytes())


def _is_whole(path: Path) -> bool:
    """Whether a shard's checksums hold: after a power cut a file may be named and yet be empty.

    TransientError for one that cannot be read: it may be whole.
    """
    try:
        with zipfile.ZipFile(path) as shard:
            return shard.testzip() is None
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError):
        return False
    except OSError as error:
        unless_unread(error, path)
        return False
