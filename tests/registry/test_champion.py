"""The promotion's lock: who is dead, and what a second one is told."""

import os
import subprocess
import sys

import pytest
from mlflow.store.model_registry import sqlalchemy_store

from pneumo.registry import champion, store
from pneumo.registry.champion import OvertakenError, crown, is_dead
from pneumo.tracking.runs import client

US = champion._process()


@pytest.mark.parametrize(
    ("other", "dead"),
    [
        ({}, False),
        ({"born": "0"}, True),  # its number was given to another process
        ({"process": "none"}, True),
    ],
)
def test_a_holder_on_this_machine_is_dead_when_its_process_is_gone(two, other, dead):
    assert is_dead(two[0], US | other) is dead


@pytest.mark.parametrize(("since_s", "dead"), [(0, False), (100, False), (121, True)])
@pytest.mark.parametrize("ahead_s", [-90_000, 0, 90_000])
def test_a_holder_elsewhere_is_dead_after_the_lease_by_the_servers_clock_alone(
    two, monkeypatch, since_s, dead, ahead_s
):
    server, _ = two
    there = US | {"host": "elsewhere", "token": "t", "who": "Ada"}
    store.make_name(server, f"{store.ENSEMBLE}.lock", there)
    made = server.get_registered_model(f"{store.ENSEMBLE}.lock").creation_timestamp
    servers_ms = made + 1000 * since_s
    monkeypatch.setattr(sqlalchemy_store, "get_current_time_millis", lambda: servers_ms)
    monkeypatch.setattr("time.time", lambda: made / 1000 + ahead_s)
    assert is_dead(server, there) is dead
    assert store.tags_of_name(server, f"{store.ENSEMBLE}.lock") == there


def test_a_lock_without_a_holder_is_dead(two):
    assert is_dead(two[0], {})


def test_a_holder_that_ended_on_this_machine_is_dead_at_once(two):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_dead(two[0], US | {"process": str(ended.pid)})


@pytest.fixture
def two(mlflow_store, monkeypatch):
    monkeypatch.setattr(store, "ENSEMBLE", f"ensemble-{os.urandom(4).hex()}")
    server = client()
    server.create_registered_model(store.ENSEMBLE)
    return server, [server.create_model_version(store.ENSEMBLE, "x") for _ in range(2)]


def test_whoever_judged_against_an_older_champion_is_told(two):
    server, (first, second) = two
    crown(server, first, None, "Ada", "first")
    with pytest.raises(OvertakenError, match="became champion meanwhile"):
        crown(server, second, None, "Eve", "first too")
    assert store.aliases(server) == {"champion": "1"}
    crown(server, second, first, "Eve", "better")
    assert store.aliases(server) == {"champion": "2", "previous": "1"}


def test_while_one_promotes_the_other_is_told_by_whom(two):
    server, (first, _) = two
    lock = f"{store.ENSEMBLE}.lock"
    store.make_name(server, lock, US | {"token": "t", "who": "Ada"})
    with pytest.raises(OvertakenError, match=r"Ada promotes on .* right now"):
        crown(server, first, None, "Eve", "mine")
    assert store.aliases(server) == {}
    store.drop_name(server, lock)
    store.make_name(server, lock, US | {"token": "t", "who": "Ada", "born": "0"})
    crown(server, first, None, "Eve", "she is gone")
    assert store.aliases(server) == {"champion": "1"}
    assert store.tags_of_name(server, lock) == {}


def test_a_lock_that_was_taken_away_stops_the_promotion(two, monkeypatch):
    server, (first, _) = two
    tagged = store.tag

    def steal(*words):
        tagged(*words)
        store.drop_name(server, f"{store.ENSEMBLE}.lock")

    monkeypatch.setattr(store, "tag", steal)
    with pytest.raises(OvertakenError, match="nothing was changed"):
        crown(server, first, None, "Ada", "slow")
    assert store.aliases(server) == {}
