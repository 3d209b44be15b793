"""``pneumo trail``: who did what to the ensemble, when and why."""

import json
from dataclasses import asdict
from typing import Any

import typer

from pneumo.base.errors import DataError
from pneumo.cli.commands.options import AsJson


def verify(as_json: AsJson = False) -> None:
    """Follow the audit trail link by link, up to the head that MLflow keeps, and keep its new head.

    A line that was changed or removed, and a tail that was cut, is named; exit code 2.
    Example: `pneumo trail verify`
    """
    from pneumo.site.trail import look, trail_path

    path = trail_path()
    server = _server()
    kept, words = _kept(server, look(path).head.first)
    found = look(path, kept)
    if server and not found.faults:
        from pneumo.registry.heads import keep_or_say

        keep_or_say(server)
    if as_json:
        told: dict[str, Any] = {"path": str(path), "head": asdict(found.head), "kept": words}
        told |= {"acts": dict(found.acts), "faults": [asdict(fault) for fault in found.faults]}
        print(json.dumps(told))
    if found.faults:
        lines = "\n".join(f"  {fault}" for fault in found.faults)
        raise DataError(f"{path}: the trail does not hold\n{lines}")
    if not as_json:
        acts = ", ".join(f"{count} {act}" for act, count in sorted(found.acts.items())) or "none"
        print(f"{path}: {found.head.lines} lines hold each other ({acts})")
        print(f"head {found.head.last}; {words}")


def _server() -> Any:
    """A client of the MLflow server; None where none is named."""
    from pneumo.tracking.runs import client

    if client() is None:
        return None
    from pneumo.registry import store

    return store.connect()


def _kept(server: Any, first: str) -> Any:
    """The head that MLflow keeps of this site's trail, and that in words."""
    if server is None:
        return None, "no MLflow server is named, so a tail that was cut cannot be seen"
    from pneumo.registry.heads import kept_head, kept_heads

    kept = kept_head(server, first)
    told = f"MLflow kept line {kept.lines}" if kept else "MLflow kept no head of it before"
    own = {kept.first} if kept else set()
    if others := set(kept_heads(server)) - own:
        told += f"; heads of {len(others)} other trails are there, of other sites or of before"
    return kept, told


app = typer.Typer(help="The audit trail: who did what, when and why.", no_args_is_help=True)
app.command()(verify)


@app.callback()
def _group() -> None:
    """Keep ``verify`` a command of its own where it is the only one."""
