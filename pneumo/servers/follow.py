"""A run of a DAG, from its trigger to its end, as a person at a terminal follows it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from pneumo.base.errors import ServiceError
from pneumo.servers import Services
from pneumo.servers.api import Airflow

POLL_S = 1.0
READ_LIMIT_S = 60.0
"""How long Airflow may take to read a DAG file that is new or was changed."""

PARSE_S = 3.0
"""How long one reading takes: what was read sooner after a change may be the files before it."""

ENDED = ("success", "failed")
COLOURS = {"success": "green", "failed": "bold red", "running": "cyan", "up_for_retry": "yellow"}
OUTPUT = "hooks.subprocess"
"""Part of the logger's name under which Airflow keeps what a task's program prints."""


RUN = "run"
TAIL_LINES = 20


class Task(NamedTuple):
    """One task of a run: its name as a person reads it, state, and seconds it has taken."""

    name: str
    state: str
    seconds: float | None
    task_id: str = ""
    map_index: int = -1
    try_number: int = 0


def run_dag(services: Services, dag_id: str, conf: dict[str, Any], *, console: Console) -> None:
    """Trigger a DAG and follow the run; return when it has succeeded.

    Raises ServiceError with the names of the tasks that failed, the last lines they printed and
    the files that hold all of it; also when Airflow does not know the DAG or refuses ``conf``.
    """
    with services.airflow() as airflow:
        _await_dag(airflow, dag_id, _changed(services.workspace) + PARSE_S)
        run = _trigger(airflow, dag_id, conf)
        path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}"
        console.print(
            f"{services.airflow_url}/dags/{dag_id}/runs/{run['dag_run_id']}",
            style="dim",
            soft_wrap=True,
        )
        tasks = _follow(airflow, path, _order(airflow, dag_id), console)
        if airflow.get(path)["state"] != "success":
            raise ServiceError(_why(services, dag_id, run["dag_run_id"], tasks))


def _await_dag(airflow: Airflow, dag_id: str, settled: float) -> None:
    """Return when Airflow has read the DAG file as it is now; ServiceError when it cannot."""
    deadline, ask_at = time.monotonic() + READ_LIMIT_S, 0.0
    while (dag := airflow.find(f"/dags/{dag_id}")) is None or _read_before(dag, settled):
        if dag is None or dag["has_import_errors"]:
            _refuse_broken(airflow, settled)
        if dag is not None and time.monotonic() > ask_at:
            airflow.put(f"/parseDagFile/{dag['file_token']}")
            ask_at = time.monotonic() + PARSE_S
        if time.monotonic() > deadline:
            raise ServiceError(f"{dag_id}: Airflow has not read this DAG in {READ_LIMIT_S:.0f} s")
        time.sleep(0.3)


def _read_before(dag: dict[str, Any], settled: float) -> bool:
    return dag["is_stale"] or _timestamp(dag["last_parsed_time"]) < settled


def _refuse_broken(airflow: Airflow, settled: float) -> None:
    for error in airflow.every("/importErrors", "import_errors"):
        if _timestamp(error["timestamp"]) > settled:
            raise ServiceError(f"{error['filename']} cannot be read:\n{error['stack_trace']}")


def _changed(workspace: Path) -> float:
    """When the files that a DAG is made from were changed for the last time."""
    files = [*(workspace / "dags").glob("*.py"), workspace / "params.yaml"]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _trigger(airflow: Airflow, dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
    airflow.patch(f"/dags/{dag_id}", {"is_paused": False})
    return airflow.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})


def _order(airflow: Airflow, dag_id: str) -> dict[str, int]:
    """Place of each task in the DAG, so that a table reads from first to last."""
    tasks = airflow.get(f"/dags/{dag_id}/tasks")["tasks"]
    sorter: TopologicalSorter[str] = TopologicalSorter({task["task_id"]: [] for task in tasks})
    for task in tasks:
        for later in task["downstream_task_ids"]:
            sorter.add(later, task["task_id"])
    return {task: place for place, task in enumerate(sorter.static_order())}


def _follow(airflow: Airflow, path: str, order: dict[str, int], console: Console) -> list[Task]:
    """Show the tasks until the run has ended; return them as they ended."""
    with _shown(console) as show:
        while True:
            state = airflow.get(path)["state"]
            tasks = _tasks(airflow, path, order)
            show(state, tasks)
            if state in ENDED:
                return tasks
            time.sleep(POLL_S)


def _tasks(airflow: Airflow, path: str, order: dict[str, int]) -> list[Task]:
    tasks = airflow.every(f"{path}/taskInstances", "task_instances")
    tasks.sort(key=lambda task: (order.get(task["task_id"], len(order)), task["map_index"]))
    return [_task(task) for task in tasks]


def _task(told: dict[str, Any]) -> Task:
    mapped = f"[{told['map_index']}]" if told["map_index"] >= 0 else ""
    seconds = told["duration"]
    if told["state"] == "running" and told["start_date"]:
        seconds = time.time() - _timestamp(told["start_date"])
    name = told["task_id"] + mapped
    state = told["state"] or "waiting"
    return Task(name, state, seconds, told["task_id"], told["map_index"], told["try_number"])


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[str, list[Task]], None]]:
    """Give what shows a run: a live table on a terminal, else a line for every change."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False, transient=False) as live:
        yield lambda state, tasks: live.update(_table(state, tasks), refresh=True)


class _Lines:
    """Prints a task whenever its state is another than before."""

    def __init__(self, console: Console):
        self._console = console
        self._before: dict[str, str] = {}

    def __call__(self, state: str, tasks: list[Task]) -> None:
        for task in (*tasks, Task(RUN, state, None)):
            if task.state not in (self._before.get(task.name, "waiting"), "scheduled", "queued"):
                self._console.print(_line(task), highlight=False)
            self._before[task.name] = task.state


def _line(task: Task) -> str:
    took = _duration(task) if task.state in ENDED else ""
    return f"{task.name:<28} {task.state:<12} {took}".rstrip()


def _table(state: str, tasks: list[Task]) -> Table:
    table = Table(
        "task", "state", Column("duration", justify="right"), box=box.SIMPLE, min_width=48
    )
    for task in tasks:
        table.add_row(task.name, Text(task.state, COLOURS.get(task.state, "dim")), _duration(task))
    table.caption = "queued, behind other runs if there are any" if state == "queued" else None
    return table


def _duration(task: Task) -> str:
    if task.seconds is None:
        return ""
    minutes, seconds = divmod(task.seconds, 60)
    return f"{minutes:.0f} min {seconds:02.0f} s" if minutes else f"{seconds:.1f} s"


def _why(services: Services, dag_id: str, run_id: str, tasks: list[Task]) -> str:
    """What failed, the last lines it printed, and where all of it is written."""
    failed = [task for task in tasks if task.state == "failed"]
    if not failed:
        return f"run {run_id} was marked as failed"
    logs = services.workspace / ".pneumo" / "airflow" / "logs"
    run = logs / f"dag_id={dag_id}" / f"run_id={run_id}"
    return "\n".join(_failure(task, run) for task in failed)


def _failure(task: Task, run: Path) -> str:
    mapped = f"map_index={task.map_index}" if task.map_index >= 0 else ""
    log = run / f"task_id={task.task_id}" / mapped / f"attempt={task.try_number}.log"
    lines = "".join(f"  {line}\n" for line in _printed(log)[-TAIL_LINES:])
    return f"task {task.name} failed; its last lines:\n{lines}the whole log: {log}"


def _printed(log: Path) -> list[str]:
    """What a task's program has printed; all that Airflow wrote when it printed nothing."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    events = [_event(line) for line in text.splitlines()]
    output = [said for logger, said in events if OUTPUT in logger]
    first = output.index("Output:") + 1 if "Output:" in output else 0
    return output[first:] or [said for _, said in events]


def _event(line: str) -> tuple[str, str]:
    """Logger and text of one line of Airflow's JSON log."""
    try:
        event = json.loads(line)
        return str(event.get("logger", "")), str(event["event"])
    except (ValueError, KeyError, AttributeError):
        return "", line


def _timestamp(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
