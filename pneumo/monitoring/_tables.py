"""The counts of the page: which are sums of which, so that no small one can be worked out."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from pneumo.monitoring._suppressed import Sum, texts

MOST_WINDOWS = 40
COUNTED = {
    "images": "files with different content",
    "scored": "answered",
    "rejected": "refused",
    "measured": "measured for this page",
    "called": "with opacities called",
}
REVIEWS = {
    "blank": "blank",
    "turned": "turned or reversed",
    "unusual": "unusual",
    "child": "of a child",
    "uncertain": "the networks disagree",
}
Windows = Sequence[Mapping[str, Any]]
Texts = Mapping[Hashable, str]


def counts_of(windows: Windows, waiting: Mapping[str, Any]) -> Texts:
    """Every count by ``(what, where)``: the number of a window, ``all`` or ``open``.

    What is a key of ``COUNTED``, a pair of ``reasons`` and a reason, or of ``review`` and a code.
    """
    counts: dict[Hashable, int] = {}
    for kind in _kinds(windows):
        of = windows[-MOST_WINDOWS:] if kind == "scored" else windows[-1:]
        counts |= {(kind, window["window"]): _count(window, kind) for window in of}
        counts[kind, "all"] = sum(_count(window, kind) for window in windows)
        counts[kind, "before"] = sum(_count(window, kind) for window in windows[:-1])
    counts |= {(kind, "open"): waiting[kind] for kind in ("images", "scored", "rejected")}
    absent = {(kind, "before") for kind in _kinds(windows)}
    return texts(counts, _sums(windows), absent)


def accounting(windows: Windows, counts: Texts) -> list[tuple[str, str, str, str]]:
    """Rows of a table: what, in the last window, in all windows, in the open one."""
    last = _last(windows)
    return [
        (words, counts.get((kind, last), ""), counts[kind, "all"], counts.get((kind, "open"), ""))
        for kind, words in COUNTED.items()
    ]


def reasons(windows: Windows, counts: Texts) -> list[tuple[str, str, str]]:
    """Rows of a table: why files were refused, how many in the last window, in all."""
    total: Counter[str] = Counter()
    for window in windows:
        total.update(window["reasons"])
    return [
        (name.replace("_", " "), *_pair(counts, ("reasons", name), windows))
        for name, _ in total.most_common()
    ]


def reviews(windows: Windows, counts: Texts) -> list[tuple[str, str, str]]:
    """Rows of a table: what was to be read first, how many in the last window, in all."""
    return [(words, *_pair(counts, ("review", code), windows)) for code, words in REVIEWS.items()]


def _sums(windows: Windows) -> Iterator[Sum]:
    last = [window["window"] for window in windows[-1:]]
    listed = [window["window"] for window in windows[-MOST_WINDOWS:]]
    kinds = _kinds(windows)
    for kind in kinds:
        yield Sum((kind, "all"), ((kind, "before"), *((kind, n) for n in last)))
    unlisted = len(windows) > len(listed)
    yield Sum(("scored", "all"), tuple(("scored", n) for n in listed), rest=unlisted)
    for where in ("all", "before", *last):
        why = [(kind, where) for kind in kinds if kind[0] == "reasons"]
        yield Sum(("rejected", where), tuple(why))
        yield Sum(("scored", where), (("measured", where),), rest=True)
        yield Sum(("scored", where), (("called", where),), rest=True)
    for where in ("all", "before", "open", *last):
        yield Sum(("images", where), (("scored", where), ("rejected", where)))


def _kinds(windows: Windows) -> list[Any]:
    found: list[Any] = list(COUNTED)
    for group, always in (("reasons", set()), ("review", set(REVIEWS))):
        names = {name for window in windows for name in window[group]} | always
        found += [(group, name) for name in sorted(names)]
    return found


def _count(window: Mapping[str, Any], kind: Any) -> int:
    if isinstance(kind, str):
        return int(window[kind])
    group, name = kind
    return int(window[group].get(name, 0))


def _pair(counts: Texts, kind: tuple[str, str], windows: Windows) -> tuple[str, str]:
    return counts.get((kind, _last(windows)), "0"), counts[kind, "all"]


def _last(windows: Windows) -> int:
    return int(windows[-1]["window"]) if windows else 0
