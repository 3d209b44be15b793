"""A file that was dropped on the page: read, answered, and gone."""

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from pneumo.base.errors import PneumoError
from pneumo.dicom.workers import Rejected
from pneumo.reading._maps import Maps, Tried
from pneumo.reading._pixels import Pixels, Shown

KEPT = 2
"""Radiographs whose pixels may be asked for afterwards."""


class Trials:
    """Files that were tried, the last ones; nothing of them stays on the disk."""

    def __init__(self, pixels: Pixels, note: Callable[[str], None]) -> None:
        """``note`` is called with a file's sum before it is answered."""
        self._pixels, self._note, self._lock = pixels, note, Lock()
        self._known: OrderedDict[str, Shown] = OrderedDict()
        self._count = 0

    def get(self, number: str) -> Shown | None:
        """A radiograph that was tried, if it is still at hand."""
        return self._known.get(number)

    def run(self, upload: BinaryIO, maps: Maps | None) -> dict[str, Any] | Rejected:
        """Read a file and answer it; Rejected for what is no radiograph."""
        with tempfile.TemporaryDirectory(prefix="pneumo-") as folder:
            path = Path(folder) / "file"
            with path.open("wb") as stream:
                shutil.copyfileobj(upload, stream, 2**20)
            shown = self._pixels.decode(path, "")
            if isinstance(shown, Rejected):
                return shown
            self._note(shown.content)
            answer = _answer(path, maps)
        if isinstance(answer, Rejected):
            return answer
        with self._lock:
            self._count += 1
            number = str(self._count)
            self._known[number] = shown
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        rows, columns = shown.full.pixels.shape
        return {
            "boxes": answer.boxes,
            "probability": answer.probability,
            "reasons": answer.reasons,
            "view": shown.full.facts.view or None,
            "rows": rows,
            "columns": columns,
            "pixels": f"/api/try/{number}/pixels",
        }


def _answer(path: Path, maps: Maps | None) -> Tried | Rejected:
    if maps is None:
        return Tried([], None, ["there is no ensemble here to answer it"])
    try:
        return maps.tried(path)
    except PneumoError as error:
        return Tried([], None, [f"the ensemble cannot be asked: {error}"])
