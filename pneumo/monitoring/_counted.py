"""From verdicts to what counts: each radiograph once, and what did not count, by reason.

Of several verdicts of one reader the last counts (a correction). Of several readers those count who
had not seen the answer, if there are such; then the majority. A tie counts as contradictory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pneumo.monitoring._answers import Answer
from pneumo.monitoring._kept import Import
from pneumo.monitoring._verdicts import OPACITY, UNSURE, Verdict
from pneumo.monitoring.draw import SHORT, Drawn
from pneumo.site.sitekey import person_of

LATE_WEEKS = 4


@dataclass(frozen=True)
class Truth:
    """What the readers say of a radiograph, and how it came to be read.

    ``chance`` is how likely it was read; 0 where it was read for a reason of its own. ``seen``:
    no reader is known not to have seen the answer. ``week`` is when it first counted.
    """

    answer: Answer
    positive: bool
    chance: float
    seen: bool
    week: str
    verdicts: Sequence[Verdict]


@dataclass
class Counted:
    """Every radiograph that counts, and how many did not, or need a word, and why."""

    truths: list[Truth] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    pairs: list[tuple[bool, bool]] = field(default_factory=list)
    """Verdicts of two readers of one radiograph, in pairs: was there an opacity?"""


def resolve(tables: Iterable[Import], answers: Iterable[Answer], key: bytes) -> list[Import]:
    """The tables with contents in the place of instance UIDs, where these were scored.

    Also late: a table may come before its radiographs are scored.
    """
    tables = list(tables)
    if not any(verdict.uid for table in tables for verdict in table.verdicts):
        return tables
    known = {person_of(answer.uid, key): answer.content for answer in answers if answer.uid}
    return [
        Import(t.number, t.digest, t.day, t.by, [_named(v, known) for v in t.verdicts])
        for t in tables
    ]


def counted(
    tables: Sequence[Import],
    answers: Mapping[str, Answer],
    drawn: Iterable[Drawn],
    audit_share: float,
) -> Counted:
    """Count the verdicts on what one ensemble answered (``answers``: by content)."""
    model = next(iter(answers.values())).model[:SHORT] if answers else ""
    chances = {one.content: one for one in drawn if one.model == model and one.drawn}
    found = Counted()
    by_content: dict[str, dict[str, Verdict]] = {}
    first: dict[str, Import] = {}
    for table in tables:
        for verdict in table.verdicts:
            name = verdict.content or verdict.uid
            before = by_content.setdefault(name, {}).get(verdict.reader)
            if before:
                same = before.verdict == verdict.verdict
                found.aside["repeated" if same else "corrected"] += 1
            by_content[name][verdict.reader] = verdict
            first.setdefault(name, table)
    for name, by_reader in by_content.items():
        answer = answers.get(name)
        if answer is None:
            found.aside["unknown"] += 1
            continue
        verdicts = list(by_reader.values())
        votes = [v.verdict == OPACITY for v in verdicts if v.verdict != UNSURE]
        found.pairs += [(a, b) for n, a in enumerate(votes) for b in votes[n + 1 :]]
        positive, seen = _decided(verdicts)
        if positive is None:
            found.aside["unsure" if not votes else "contradictory"] += 1
            continue
        chance = _chance(answer, chances.get(name), verdicts, audit_share)
        found.aside["seen"] += seen
        found.aside["own reason"] += chance == 0
        found.aside["late"] += _is_late(chances.get(name), first[name])
        found.truths.append(Truth(answer, positive, chance, seen, first[name].week, verdicts))
    found.aside = +found.aside
    return found


def agreement(pairs: Sequence[tuple[bool, bool]]) -> tuple[float, float] | None:
    """Share of pairs of verdicts that agree, and Cohen's kappa; None without pairs.

    The readers of a pair are in no order, so both have the same margins (Scott's pi, which is
    kappa for such readers). NaN where all said the same.
    """
    if not pairs:
        return None
    same = sum(a == b for a, b in pairs) / len(pairs)
    positive = sum(a + b for a, b in pairs) / (2 * len(pairs))
    chance = positive**2 + (1 - positive) ** 2
    return same, (same - chance) / (1 - chance) if chance < 1 else float("nan")


def _named(verdict: Verdict, known: Mapping[str, str]) -> Verdict:
    if not verdict.uid or verdict.uid not in known:
        return verdict
    return Verdict(**{**verdict.to_json(), "content": known[verdict.uid], "uid": ""})


def _decided(verdicts: Sequence[Verdict]) -> tuple[bool | None, bool]:
    """Whether there is an opacity (None: not decided), and whether all had seen the answer."""
    sure = [v for v in verdicts if v.verdict != UNSURE]
    blind = [v for v in sure if v.ai_seen == "no"]
    votes = [v.verdict == OPACITY for v in blind or sure]
    if not votes or 2 * sum(votes) == len(votes):
        return None, not blind
    return 2 * sum(votes) > len(votes), not blind


def _is_late(drawn: Drawn | None, table: Import) -> bool:
    if drawn is None:
        return False
    monday = datetime.strptime(f"{drawn.week}-1", "%G-W%V-%u").date()
    return (table.day - monday).days >= 7 * (LATE_WEEKS + 1)


def _chance(
    answer: Answer, drawn: Drawn | None, verdicts: Sequence[Verdict], audit_share: float
) -> float:
    if drawn:
        return drawn.chance
    if answer.called:
        return 1.0
    return audit_share if any(v.why == "audit" for v in verdicts) else 0.0
