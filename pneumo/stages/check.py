"""Read a folder as scoring would, without scoring it: what is accepted, what is not, and why."""

from collections import Counter
from pathlib import Path
from typing import Any

from pneumo.dicom.folder import list_folder, read_folder
from pneumo.dicom.workers import Rejected
from pneumo.errors import DataError
from pneumo.progress import track
from pneumo.safe import printable

SIZE_PX = 128


def check(source: Path) -> dict[str, Any]:
    """Read a radiograph, or every file below a folder, hidden ones aside.

    Returns counts (``files``, ``accepted``, ``rejected``, ``reasons``: code -> count) and
    ``results``: per file ``file``, and its size in pixels or ``reason`` and ``message``. Raises
    DataError when there is no file.
    """
    files = list_folder(source)
    if not files and not source.is_dir():
        raise DataError(f"{printable(source)}: there is no such file or folder; correct its name")
    if not files:
        raise DataError(f"{printable(source)}: holds no file, hidden ones aside; name another one")
    answers = track(read_folder(source, files, SIZE_PX), len(files), "Reading")
    results = [_result(path, answer) for path, answer in zip(files, answers, strict=True)]
    reasons = Counter(result["reason"] for result in results if "reason" in result)
    return {
        "files": len(files),
        "accepted": len(files) - reasons.total(),
        "rejected": reasons.total(),
        "reasons": dict(reasons.most_common()),
        "results": results,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """What ``check`` found as lines for people: a line per file, then the summary."""
    told = [_line(result) for result in found["results"]]
    reasons = ", ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
    summary = (
        f"{found['files']} files = {found['accepted']} accepted + {found['rejected']} rejected"
    )
    return [*told, f"{summary} ({reasons})" if reasons else summary]


def _result(path: Path, answer: Any) -> dict[str, Any]:
    file = printable(path)
    if isinstance(answer, Rejected):
        message = answer.message.removeprefix(f"{file}: ")
        return {"file": file, "reason": answer.reason, "message": message}
    return {"file": file, "rows": answer.rows, "columns": answer.columns, **vars(answer.facts)}


def _line(result: dict[str, Any]) -> str:
    if "reason" in result:
        return f"rejected  {result['file']}: {result['reason']}: {result['message']}"
    view = f", {result['view']}" if result["view"] else ""
    return f"accepted  {result['file']}: {result['rows']} x {result['columns']}{view}"
