"""Read a folder as scoring would, without scoring it: what is accepted, what is not, and why."""

from collections import Counter
from pathlib import Path
from typing import Any

from pneumo.base.errors import DataError
from pneumo.base.progress import track
from pneumo.base.safe import printable
from pneumo.dataset.folder import list_folder, read_folder
from pneumo.dicom.workers import Rejected

SIZE_PX = 128


def check(source: Path, *, frontal_only: bool = True) -> dict[str, Any]:
    """Read a radiograph, or every file below a folder, hidden ones aside.

    Returns counts (``files``, ``accepted``, ``rejected``, ``noted``; ``reasons`` and ``notes``:
    code -> count) and ``results``: per file ``file``, and its size in pixels and ``notes`` (code
    -> sentence), or ``reason`` and ``message``. Raises DataError when there is no file.
    """
    files = list_folder(source)
    if not files and not source.is_dir():
        raise DataError(f"{printable(source)}: there is no such file or folder; correct its name")
    if not files:
        raise DataError(f"{printable(source)}: holds no file, hidden ones aside; name another one")
    read = read_folder(source, files, SIZE_PX, frontal_only=frontal_only)
    answers = track(read, len(files), "Reading")
    results = [_result(path, answer) for path, answer in zip(files, answers, strict=True)]
    reasons = Counter(result["reason"] for result in results if "reason" in result)
    notes = Counter(note for result in results for note in result.get("notes", {}))
    return {
        "files": len(files),
        "accepted": len(files) - reasons.total(),
        "rejected": reasons.total(),
        "noted": sum(bool(result.get("notes")) for result in results),
        "reasons": dict(reasons.most_common()),
        "notes": dict(notes.most_common()),
        "results": results,
    }


def lines(report: dict[str, Any]) -> list[str]:
    """What ``check`` found as lines for people: a line per file, then the summary."""
    told = [_line(result) for result in report["results"]]
    summary = (
        f"{report['files']} files = {report['accepted']} accepted + {report['rejected']} rejected"
        f"{_counts(report['reasons'])}"
    )
    if report["noted"]:
        summary += f"; {report['noted']} noted{_counts(report['notes'])}"
    return [*told, summary]


def _counts(of: dict[str, int]) -> str:
    told = ", ".join(f"{count} {name}" for name, count in of.items())
    return f" ({told})" if told else ""


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
    notes = f" (note: {'; '.join(result['notes'].values())})" if result["notes"] else ""
    return f"accepted  {result['file']}: {result['rows']} x {result['columns']}{view}{notes}"
