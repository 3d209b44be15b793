"""What a person sees of a run: lines off a terminal, a table on one, the output of a failure."""

import io
import json
import os

import pytest
from rich.console import Console

from pneumo.servers import follow
from pneumo.servers.follow import Task


def logged(*lines: tuple[str, str]) -> str:
    return "".join(json.dumps({"logger": logger, "event": said}) + "\n" for logger, said in lines)


HOOK = "airflow.task.hooks.airflow.providers.standard.hooks.subprocess.SubprocessHook"


@pytest.mark.parametrize(
    ("log", "printed"),
    [
        (
            logged(("task", "begin"), (HOOK, "Running command: x"), (HOOK, "Output:"), (HOOK, "x")),
            ["x"],
        ),
        (logged(("task", "cannot find the folder")), ["cannot find the folder"]),
        ("no JSON at all\n", ["no JSON at all"]),
        ('{"level": "info"}\n', ['{"level": "info"}']),  # JSON without an event
        ("", []),
    ],
)
def test_a_tasks_output_is_what_its_program_printed(tmp_path, log, printed):
    path = tmp_path / "attempt=1.log"
    path.write_text(log)
    assert follow._printed(path) == printed


def test_a_log_that_was_never_written_is_empty(tmp_path):
    assert follow._printed(tmp_path / "attempt=1.log") == []


def test_off_a_terminal_every_change_is_one_line():
    out = io.StringIO()
    with follow._shown(Console(file=out, width=80)) as show:
        show("queued", [Task("prepare", "waiting", None)])
        show("running", [Task("prepare", "queued", None)])
        show("running", [Task("prepare", "running", 0.5)])
        show("running", [Task("prepare", "running", 1.5)])
        show("success", [Task("prepare", "success", 125.0)])
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["run", "running"],
        ["prepare", "running"],
        ["prepare", "success", "2", "min", "05", "s"],
        ["run", "success"],
    ]


def test_on_a_terminal_a_table_shows_every_task():
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with follow._shown(console) as show:
        show("queued", [Task("prepare", "waiting", None)])
        show("running", [Task("prepare", "running", 3.0), Task("tune", "waiting", None)])
    shown = out.getvalue()
    assert "queued, behind other runs" in shown
    assert "3.0 s" in shown
    assert "tune" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s")]
)
def test_durations_read_as_a_person_says_them(seconds, shown):
    assert follow._duration(Task("train", "success", seconds)) == shown


def test_a_mapped_task_is_named_with_its_place():
    found = {"task_id": "score", "map_index": 3, "state": None, "duration": None}
    task = follow._task({**found, "try_number": 0, "start_date": None})
    assert (task.name, task.state) == ("score[3]", "waiting")


def test_the_dag_is_as_old_as_the_newest_file_it_is_made_from(tmp_path):
    (tmp_path / "dags").mkdir()
    for name, changed in (("dags/old.py", 100), ("dags/new.py", 300), ("params.yaml", 200)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (changed, changed))
    assert follow._changed(tmp_path) == 300
