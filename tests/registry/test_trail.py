"""What the audit trail is told of the registry, and where its head is kept."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from shutil import copyfile

import pytest
from typer.testing import CliRunner

from pneumo.base.errors import DataError
from pneumo.cli.app import app
from pneumo.registry import promote as stage
from pneumo.registry import store
from pneumo.registry.champion import crown, rollback, settle
from pneumo.registry.heads import keep_head, keep_or_say, kept_heads
from pneumo.site.trail import look, record, trail_path
from pneumo.tracking.runs import client
from tests.conftest import ROOT
from tests.monitoring.answers import Scored, write_results


@pytest.fixture
def two(mlflow_store, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "ENSEMBLE", f"ensemble-{os.urandom(4).hex()}")
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "trail.jsonl"))
    monkeypatch.setenv("PNEUMO_SITE_KEY", str(tmp_path / "site.key"))
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


@pytest.mark.parametrize("acts", [1, 2, 5])
def test_a_trail_that_was_removed_and_begun_anew_is_found(two, acts, capsys):
    server, (first, second) = two
    crown(server, first, None, "Ada", "first")
    crown(server, second, first, "Eve", "better")
    head = look().head
    trail_path().unlink()
    for number in range(acts):
        record("labels", "Eve", "anew", {"number": number})
    with pytest.raises(DataError, match="anew"):
        CliRunner().invoke(app, ["trail", "verify"], catch_exceptions=False)
    keep_or_say(server)
    assert "does not go on from the head" in capsys.readouterr().err
    assert kept_heads(server) == {head.first: head}


def test_another_site_on_the_server_has_a_head_of_its_own(two, tmp_path, monkeypatch):
    server, _ = two
    heads = {}
    for site in ("a", "b", "a"):
        monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / f"{site}.jsonl"))
        monkeypatch.setenv("PNEUMO_SITE_KEY", str(tmp_path / f"{site}.key"))
        record("labels", site, "why", {})
        done = CliRunner().invoke(app, ["trail", "verify"], catch_exceptions=False)
        assert done.exit_code == 0
        heads[site] = look().head
    assert kept_heads(server) == {head.first: head for head in heads.values()}
    assert {head.lines for head in heads.values()} == {1, 2}


def test_a_head_that_was_kept_under_its_first_line_counts_until_the_site_has_one(two):
    server, _ = two
    record("labels", "Ada", "one", {})
    record("labels", "Ada", "two", {})
    old = look().head
    value = json.dumps({"lines": 2, "last": old.last, "first": old.first})
    server.set_registered_model_tag(store.ENSEMBLE, f"pneumo.trail.{old.first[:16]}", value)
    whole = trail_path().read_bytes()
    trail_path().write_bytes(whole[: whole.index(b"\n") + 1])
    assert not keep_head(server)
    trail_path().write_bytes(whole)
    record("labels", "Ada", "three", {})
    assert keep_head(server)
    assert kept_heads(server)[old.first].lines == 3


def test_of_two_at_once_the_later_head_is_kept(two, monkeypatch):
    """While the first one writes to the server, another adds a line and keeps its head."""
    server, _ = two
    record("labels", "Ada", "one", {})
    others, set_tag = [], type(server).set_registered_model_tag

    def slow(self, name, key, value):
        if not others:
            others.append(threading.Thread(target=another))
            others[0].start()
            others[0].join(2)  # it must not be done before this one
        set_tag(self, name, key, value)

    def another():
        record("labels", "Eve", "two", {})
        assert keep_head(client())

    monkeypatch.setattr(type(server), "set_registered_model_tag", slow)
    assert keep_head(server)
    others[0].join()
    (head,) = kept_heads(server).values()
    assert head == look().head
    assert head.lines == 2


def test_a_run_of_the_monitor_keeps_the_head_and_says_where_it_cannot(two, tmp_path, monkeypatch):
    server, _ = two
    copyfile(ROOT / "recipes/demo.yaml", tmp_path / "params.yaml")
    write_results(tmp_path / "results", [Scored("one", True)])
    monkeypatch.chdir(tmp_path)
    record("labels", "Ada", "one", {})
    words = ["monitor", "run", "results", "--out", "monitor", "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    head = look().head
    assert kept_heads(server) == {head.first: head}
    trail_path().unlink()
    record("labels", "Eve", "another", {})
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert len(done.stderr.splitlines()) == 1
    assert "pneumo trail verify" in done.stderr
    assert json.loads(done.stdout)["level"] == "waits"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert "its head is not kept" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_server_the_links_alone_are_followed(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("PNEUMO_TRAIL", str(tmp_path / "none.jsonl"))
    done = CliRunner().invoke(app, ["trail", "verify"])
    assert done.exit_code == 0
    assert "cannot be seen" in done.stdout
