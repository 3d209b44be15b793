"""No count from 1 to 4 follows from what the page shows: by linear programming over its tables."""

import re

import numpy as np
import pytest
from scipy.optimize import linprog

from pneumo.monitoring._suppressed import Sum, hidden
from pneumo.monitoring._tables import counts_of
from pneumo.monitoring.measure import measure
from pneumo.scoring.parts import Store

REASONS = ("not_dicom", "no_pixels", "other_view")
CODES = ("blank", "turned", "unusual", "child", "uncertain")


def window(number: int, rng: np.random.Generator) -> dict:
    """One as verdicts have it; small counts are frequent."""
    few = [0, 1, 2, 3, 4, 5, 6, 30]
    reasons = {reason: int(count) for reason in REASONS if (count := rng.choice(few))}
    called, uncalled = int(rng.choice(few)), int(rng.choice(few))
    scored, rejected = called + uncalled, sum(reasons.values())
    return {
        "window": number, "images": scored + rejected, "scored": scored, "rejected": rejected,
        "measured": scored - min(scored, int(rng.choice(few))), "called": called,
        "reasons": reasons, "review": {code: int(rng.choice(few)) for code in CODES},
    }  # fmt: skip


class Reader:
    """Somebody who knows how the tables hang together, and looks for small counts."""

    def __init__(self, windows: list[dict], waiting: dict, shown: dict) -> None:
        self.true, self.rows, self.names = {}, [], []
        for kind in ("images", "scored", "rejected", "measured", "called"):
            self.over_windows(kind, [one[kind] for one in windows])
        for group, names in (("reasons", REASONS), ("review", CODES)):
            for name in names:
                self.over_windows((group, name), [one[group].get(name, 0) for one in windows])
        self.true |= {(kind, "open"): waiting[kind] for kind in waiting}
        places = ["all", *(one["window"] for one in windows)]
        for where in places:
            self.total(("rejected", where), [(("reasons", name), where) for name in REASONS])
            for part in ("called", "measured"):
                self.true["not", part, where] = self.true["scored", where] - self.true[part, where]
                self.total(("scored", where), [(part, where), ("not", part, where)])
        for where in [*places, "open"]:
            self.total(("images", where), [("scored", where), ("rejected", where)])
        self.bounds = [self.known(shown.get(name, "")) for name in self.names]

    def over_windows(self, kind, counts: list[int]) -> None:
        self.true |= {(kind, n): count for n, count in enumerate(counts, 1)}
        self.true[kind, "all"] = sum(counts)
        self.true["before", kind] = sum(counts[:-1])  # the windows before the last one
        each = [(kind, n) for n in range(1, len(counts) + 1)]
        self.total((kind, "all"), each)
        self.total((kind, "all"), [("before", kind), each[-1]])

    def total(self, whole, parts) -> None:
        self.rows.append((whole, parts))
        self.names += [name for name in (whole, *parts) if name not in self.names]

    @staticmethod
    def known(text: str) -> tuple[float, float | None]:
        if text == "fewer than 5":
            return 1, 4
        return (0, None) if text in ("", "not shown") else (int(text), int(text))

    def found_out(self) -> list:
        """The small counts for which one value alone is possible."""
        matrix = np.zeros((len(self.rows), len(self.names)))
        for row, (whole, parts) in zip(matrix, self.rows, strict=True):
            row[self.names.index(whole)] = 1
            for part in parts:
                row[self.names.index(part)] -= 1
        given = {"A_eq": matrix, "b_eq": np.zeros(len(matrix)), "bounds": self.bounds}
        found = []
        for place, name in enumerate(self.names):
            if 0 < self.true[name] < 5:
                cost = np.eye(len(self.names))[place]
                low = linprog(cost, **given)
                high = linprog(-cost, **given)
                assert low.status == 0
                if high.status == 0 and -high.fun - low.fun < 0.5:
                    found.append(name)
        return found


@pytest.mark.parametrize("seed", range(16))
def test_no_small_count_follows_from_what_is_shown(seed):
    rng = np.random.default_rng(seed)
    windows = [window(n, rng) for n in range(1, 2 + seed % 4)]
    scored, rejected = (int(rng.choice([0, 2, 4, 9])) for _ in "ab")
    waiting = {"images": scored + rejected, "scored": scored, "rejected": rejected}
    shown = counts_of(windows, waiting)
    reader = Reader(windows, waiting, shown)
    assert reader.found_out() == []
    exact = {name: str(reader.true[name]) for name in shown}
    if any(0 < reader.true[name] < 5 for name in shown):
        assert Reader(windows, waiting, exact).found_out()  # who sees all finds them


@pytest.mark.parametrize(
    ("counts", "sums", "gone"),
    [
        ({"a": 103, "b": 100, "c": 3}, [Sum("a", ("b", "c"))], {"a", "c"}),
        ({"a": 200, "b": 100, "c": 100}, [Sum("a", ("b", "c"))], set()),
        ({"a": 100, "b": 97}, [Sum("a", ("b",), rest=True)], {"a"}),
        ({"a": 100, "b": 3}, [Sum("a", ("b",), rest=True)], {"b"}),  # 97 are on no page
        ({"a": 100, "b": 100}, [Sum("a", ("b",), rest=True)], set()),
        ({"a": 2, "b": 1, "c": 1}, [Sum("a", ("b", "c"))], {"a", "b", "c"}),
        ({"a": 8, "b": 4, "c": 4}, [Sum("a", ("b", "c"))], {"a", "b", "c"}),
        ({"a": 3, "b": 3, "c": 0}, [Sum("a", ("b", "c"))], {"a", "b"}),
        ({"a": 8, "b": 5, "c": 3, "d": 5}, [Sum("a", ("b", "c")), Sum("b", ("d",))], {"a", "c"}),
    ],
)  # fmt: skip
def test_small_counts_take_another_one_with_them(counts, sums, gone):
    assert hidden(counts, sums) == gone


def test_the_page_shows_no_pair_whose_difference_is_small(site):
    site.score(103, rejected=3)
    site.run()
    site.score(44, rejected=2)
    found = measure(Store(site.results), site.out, monitor=site.settings, today=site.day)
    assert (found["windows"][0]["images"], found["open"]["images"]) == (106, 46)
    text = (site.out / "index.html").read_text()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", text)
    assert {"fewer than 5", "not shown"} <= set(cells)
    assert "106" not in cells
    assert "46" not in cells
    assert "103" in cells
