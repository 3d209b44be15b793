"""Off a terminal long work tells itself in lines, each of them at most every so many seconds."""

import pytest

from pneumo.base import progress


class Clock:
    """Stands in for the time module: every look at it is ten seconds later."""

    def __init__(self) -> None:
        self.now = -10.0

    def monotonic(self) -> float:
        self.now += 10
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(progress, "time", Clock())


def test_off_a_terminal_a_line_comes_every_half_minute(clock, capsys):
    assert list(progress.track("abcdefg", 1007, "Reading", done=1000)) == list("abcdefg")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [  # a tenth of an item a second
        "Reading: 1,003 of 1,007, 0/s, 40 s left",
        "Reading: 1,006 of 1,007, 0/s, 10 s left",
    ]


def test_quick_work_says_nothing_and_is_given_on_as_it_comes(capsys):
    given = progress.track(iter(range(3)), 3, "Reading")
    assert next(given) == 0
    assert list(given) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_for_a_terminal(monkeypatch):
    assert progress.bar().disable
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    assert not progress.bar().disable
