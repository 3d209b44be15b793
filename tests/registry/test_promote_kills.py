"""Promotions that are killed at any step, and two at once: ``tests/kills.py`` runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVERY = os.environ.get("PNEUMO_KILL_EVERY", "25")
"""1: killed before every call of the store; 5 minutes on two cores."""

pytestmark = [pytest.mark.slow, pytest.mark.outage, pytest.mark.timeout(1800)]


def experiments(what: str, folder: Path, times: str) -> list[dict]:
    command = [sys.executable, "-m", "tests.kills", what, str(folder), times]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "numpy"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_killed_at_any_step_the_champion_is_whole_and_the_next_run_completes_it(tmp_path):
    first, *steps = experiments("killed", tmp_path, EVERY)
    complete = first["undisturbed"]
    assert complete["aliases"] == {"champion": "3", "previous": "2"}
    assert len(complete["models"]) == len(complete["runs"]) == 6
    assert complete["trail"] == [f"promotion of {version}" for version in (1, 2, 3)]
    champions = [row["killed"]["aliases"]["champion"] for row in steps]
    assert champions == sorted(champions)  # the old one up to the alias move, then the new one
    assert set(champions) == {"2", "3"}
    for row in steps:
        assert row["died"], row
        assert row["again"] == ["promoted", complete], row


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(tmp_path):
    for row in experiments("raced", tmp_path, "2"):
        told = [said for said in row["said"] if said != "promoted"]
        assert len(told) == 1, row
        assert "run the command again" in told[0] or "run it again" in told[0]
        assert row["after"]["aliases"]["previous"] == "2"
        assert row["after"]["aliases"]["champion"] in ("3", "4")
        assert not row["after"]["lock"]
