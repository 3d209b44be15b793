"""What the audit trail is told of the registry, and where its head is kept."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pneumo.base.errors import DataError
from pneumo.cli.app import app
from pneumo.registry import promote as stage
from pneumo.registry import store
from pneumo.registry.champion import crown, rollback, settle
from pneumo.registry.heads import keep_head, kept_heads
from pneumo.site.trail import look, trail_path
from pneumo.tracking.runs import client


@pytest.fixture
def two(mlflow_store, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "ENSEMBLE", f"ensemble-{os.urandom(4).hex()}")
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "trail.jsonl"))
    server = client()
    server.create_registered_model(store.ENSEMBLE)
    return server, [server.create_model_version(store.ENSEMBLE, "x") for _ in range(2)]


def lines() -> list[dict]:
    return [json.loads(line) for line in trail_path().read_text().splitlines()]


def acts() -> list[tuple]:
    return [(line["act"], line["who"], line["why"], line["what"]["version"]) for line in lines()]


def test_promotion_rollback_and_rejection_are_told_with_who_why_and_what(two):
    server, (first, second) = two
    crown(server, first, None, "Ada", "first")
    crown(server, second, first, "Eve", "better")
    rollback(server, "Ada", "misses lower lobes")
    stage.reject("2", "once more worse", "Bob")
    assert acts() == [
        ("promotion", "Ada", "first", "1"),
        ("promotion", "Eve", "better", "2"),
        ("rollback", "Ada", "misses lower lobes", "1"),
        ("rejection", "Bob", "once more worse", "2"),
    ]
    assert [line["what"].get("replaces") for line in lines()[:3]] == ["", "1", "2"]
    for _ in "123":
        settle(server)
    assert len(acts()) == 4


def test_an_approval_is_told_before_the_promotion_that_it_led_to(two):
    server, (first, _) = two
    agreed = {"by": "Eve", "at": "2020-01-01T00:00:00+00:00", "reason": "read", "against": "none"}
    store.tag(server, first, {"pneumo.approved": json.dumps(agreed)})
    crown(server, first, None, "Eve", "read")
    assert acts() == [("approval", "Eve", "read", "1"), ("promotion", "Eve", "read", "1")]
    assert lines()[0]["what"]["against"] == "none"


KILLED = """
import os, signal, sys
from pneumo.registry import _told, champion, store
from pneumo.tracking.runs import client
store.ENSEMBLE = sys.argv[1]
_told.record = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
server = client()
champion.crown(server, store.version_of(server, "2"), store.version_of(server, "1"), "Eve", "new")
"""


def test_a_promotion_killed_between_alias_and_line_has_its_line_once_after_the_next_run(two):
    server, (first, _) = two
    crown(server, first, None, "Ada", "first")
    command = [sys.executable, "-c", KILLED, store.ENSEMBLE]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": root})
    assert done.returncode == -9
    assert store.aliases(server)["champion"] == "2"
    assert len(acts()) == 1
    settle(server)
    settle(server)
    assert acts() == [("promotion", "Ada", "first", "1"), ("promotion", "Eve", "new", "2")]


def test_every_act_keeps_the_head_and_a_cut_is_found_even_after_another_act(two):
    server, (first, second) = two
    crown(server, first, None, "Ada", "first")
    crown(server, second, first, "Eve", "better")
    head = look().head
    assert kept_heads(server) == {head.first: head}
    assert CliRunner().invoke(app, ["trail", "verify"]).exit_code == 0
    whole = trail_path().read_bytes()
    trail_path().write_bytes(whole[: whole.index(b"\n") + 1])
    with pytest.raises(DataError, match="ends at line 1, but had 2: 1 were cut off"):
        CliRunner().invoke(app, ["trail", "verify"], catch_exceptions=False)
    time.sleep(1.1)  # lines tell seconds
    stage.reject("1", "no", "Bob")  # the line of Eve's promotion is written again, but later
    assert not keep_head(server)
    with pytest.raises(DataError, match="line 2: is not the line whose sum was kept"):
        CliRunner().invoke(app, ["trail", "verify"], catch_exceptions=False)


def test_a_trail_that_was_removed_is_missed(two):
    server, (first, _) = two
    crown(server, first, None, "Ada", "first")
    trail_path().unlink()
    with pytest.raises(DataError, match="ends at line 0, but had 1"):
        CliRunner().invoke(app, ["trail", "verify"], catch_exceptions=False)


def test_without_a_server_the_links_alone_are_followed(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "none.jsonl"))
    done = CliRunner().invoke(app, ["trail", "verify"])
    assert done.exit_code == 0
    assert "cannot be seen" in done.stdout
