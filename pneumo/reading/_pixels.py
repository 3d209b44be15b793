"""Radiographs decoded by workers, the next one ahead; a bounded number of bytes is kept."""

import hashlib
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import numpy as np
from PIL import Image as Picture

from pneumo.base.safe import printable
from pneumo.dicom.full import Full
from pneumo.dicom.refusal import Refused
from pneumo.dicom.source import file_bytes
from pneumo.dicom.workers import Reader, Rejected
from pneumo.reading._archives import Archives
from pneumo.reading._images import Image

KEPT_BYTES = 256 * 2**20
READERS = 2
"""One for what is asked, one for what comes next."""

PREVIEW_PX = 512


@dataclass(frozen=True)
class Shown:
    """A decoded radiograph; ``content`` is the sum of the file's bytes."""

    full: Full
    content: str

    @property
    def data(self) -> bytes:
        """The pixels, row by row: uint16, little endian."""
        return self.full.pixels.astype("<u2", copy=False).tobytes()

    def headers(self) -> dict[str, str]:
        """What the page needs to draw the pixels."""
        full, facts = self.full, self.full.facts
        rows, columns = full.pixels.shape
        told = {
            "X-Rows": rows,
            "X-Columns": columns,
            "X-Minimum": int(full.pixels.min()),
            "X-Maximum": int(full.pixels.max()),
            "X-Window-Center": full.centre,
            "X-Window-Width": full.width,
            "X-Pixel-Aspect": facts.pixel_aspect,
            "X-Spacing-Row-Mm": facts.row_spacing_mm,
            "X-Spacing-Column-Mm": facts.column_spacing_mm,
        }
        return {name: f"{value:.10g}" for name, value in told.items() if value is not None}

    def preview(self) -> bytes:
        """A PNG of 8 bits, ``PREVIEW_PX`` at most, through the window that the picture has."""
        full = self.full
        rows, columns = full.pixels.shape
        step = max(1, -(-max(rows, columns) // (2 * PREVIEW_PX)))
        few = full.pixels[::step, ::step].astype(np.float32)
        share = np.clip((few - full.centre) / full.width + 0.5, 0, 1)
        picture = Picture.fromarray(np.rint(share * 255).astype(np.uint8))
        picture.thumbnail((PREVIEW_PX, PREVIEW_PX), Picture.Resampling.BOX)
        return png(picture)


class Pixels:
    """Decoded radiographs by image. ``get`` waits; ``ahead`` does not."""

    def __init__(self) -> None:
        self.archives = Archives()
        self._pool = ThreadPoolExecutor(READERS, "pixels")
        self._readers: SimpleQueue[Reader] = SimpleQueue()
        self._all = [Reader() for _ in range(READERS)]
        self._lock = Lock()
        self._known: OrderedDict[str, Future[Shown | Rejected]] = OrderedDict()
        for reader in self._all:
            self._readers.put(reader)

    def warm(self) -> None:
        """Start the workers, so that the first radiograph does not wait for them."""
        for _ in range(READERS):
            self._pool.submit(self.decode, Path(__file__), "")

    def get(self, image: Image) -> Shown | Rejected:
        """The radiograph, or why it is not shown; that is looked at anew each time."""
        try:
            found = self._future(image).result()
        except BaseException:
            self._drop(image)
            raise
        if isinstance(found, Rejected):
            self._drop(image)
        return found

    def ahead(self, image: Image) -> None:
        """Begin to decode what will be asked for next."""
        self._future(image)

    def decode(self, path: Path, content: str) -> Shown | Rejected:
        """Decode a file, whose bytes must have the sum ``content`` unless that is blank."""
        path = self.archives.file(path)
        try:
            found = hashlib.sha256(file_bytes(path)).hexdigest()
        except Refused as refused:
            return Rejected(refused.reason, refused.message)
        if content and found != content:
            return Rejected("changed", "the file has changed since it was scored; score it again")
        reader = self._readers.get()
        try:
            full = reader.full(path)
        finally:
            self._readers.put(reader)
        if isinstance(full, Rejected):
            return Rejected(full.reason, short(full.message, path))
        return Shown(full, found)

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for reader in self._all:
            reader.close()
        self.archives.close()

    def _future(self, image: Image) -> Future[Shown | Rejected]:
        with self._lock:
            future = self._known.get(image.id)
            if future is None:
                future = self._pool.submit(self.decode, image.path, image.content)
                self._known[image.id] = future
            self._known.move_to_end(image.id)
            self._forget()
            return future

    def _drop(self, image: Image) -> None:
        with self._lock:
            self._known.pop(image.id, None)

    def _forget(self) -> None:
        done = {
            name: one for name, one in self._known.items() if one.done() and not one.cancelled()
        }
        sizes = {name: _bytes(one) for name, one in done.items()}
        total = sum(sizes.values())
        for name, size in sizes.items():
            if total <= KEPT_BYTES:
                return
            total -= size
            del self._known[name]


def short(message: str, path: Path) -> str:
    """What is said of a file, without its place on the disk."""
    return printable(message.partition(f"{printable(path)}: ")[2] or message)


def png(picture: Picture.Image) -> bytes:
    """A picture's PNG, without any text in it."""
    stream = BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _bytes(future: Future[Shown | Rejected]) -> int:
    if future.cancelled() or future.exception():
        return 0
    found = future.result()
    return found.full.pixels.nbytes if isinstance(found, Shown) else 0
