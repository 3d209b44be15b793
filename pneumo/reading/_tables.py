"""Tables that are for their owner alone, whole, and on the disk when they are said to be."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pneumo.base.files import flush, whole


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV of mode 0600."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows(rows)
    with whole(path) as new:
        new.touch(0o600)
        new.write_text(text.getvalue(), encoding="utf-8", newline="")
        flush(new)
    flush(path.parent)
