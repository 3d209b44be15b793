"""What readers say of the answers: taken in, counted once, and watched for a fall.

In the order of the work: ``_verdicts`` (a table of a file), ``_kept`` (stored whole), ``_counted``
(each radiograph once), ``_figures`` (weighted back), ``change`` (did a share fall?).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import DataError
from pneumo.evaluation.counts import Counts
from pneumo.evaluation.proportions import Share, wilson
from pneumo.monitoring._answers import Part, answers_of, newest
from pneumo.monitoring._counted import Counted, Truth, agreement, counted, resolve
from pneumo.monitoring._figures import Figures, figures, response
from pneumo.monitoring._kept import FOLDER, Import, imports, keep, keep_standing
from pneumo.monitoring._verdicts import meaning as meaning
from pneumo.monitoring._verdicts import pseudonym as pseudonym
from pneumo.monitoring._verdicts import read_table
from pneumo.monitoring.change import Reading, watch
from pneumo.monitoring.draw import SHORT, drawn
from pneumo.site.sitekey import site_key

if TYPE_CHECKING:
    from pneumo.base.settings import MonitorSettings

SAYINGS = {
    "unknown": "of radiographs that this ensemble has not answered",
    "repeated": "repeated",
    "corrected": "corrected by the same reader; the last word counts",
    "contradictory": "radiographs on which readers contradict each other; not counted",
    "unsure": "radiographs on which no reader is sure; not counted",
    "seen": "radiographs whose readers had seen the answer, or do not say; such readers agree "
    "with it more often",
    "own reason": "uncalled radiographs that were not drawn; they cannot be weighted, not counted",
    "late": "came more than four weeks after the radiograph was drawn",
}


@dataclass(frozen=True)
class Watched:
    """Sensitivity or specificity, against the lower bound of what was registered."""

    name: str
    floor: float
    weeks: int
    sum: float
    fell: bool
    readings: int


@dataclass(frozen=True)
class Shares:
    """Which share of the uncalled is drawn, now and at its least so far: the setting may change."""

    now: float
    least: float


@dataclass(frozen=True)
class Standing:
    """What the verdicts say of one ensemble."""

    model: str
    version: int
    figures: Figures
    blind: Figures
    """From readers alone who had not seen the answer."""
    counted: Counted
    agreement: tuple[float, float] | None
    watched: Sequence[Watched]

    @property
    def reasons(self) -> list[str]:
        """Why a retraining is wanted; empty: it is not."""
        return [
            f"{one.name} is below {one.floor:.2f}, the lower bound of what was registered, "
            f"by {one.readings} readings in {one.weeks} weeks"
            for one in self.watched
            if one.fell
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what cannot be told."""
        return {
            "model": self.model,
            "version": self.version,
            "figures": _plain(asdict(self.figures)),
            "blind": _plain(asdict(self.blind)),
            "aside": dict(self.counted.aside),
            "agreement": _plain(list(self.agreement)) if self.agreement else None,
            "watched": [_plain(asdict(one)) for one in self.watched],
            "reasons": self.reasons,
        }


def take_in(file: Path, folder: Path, by: str, today: date) -> tuple[Import, bool]:
    """Take in a table of verdicts (CSV) or a report (DICOM SR); with it, whether it is new.

    ``folder`` is the monitor's own. Raises DataError when nothing can be taken in.
    """
    key = site_key()
    if _is_dicom(file):
        from pneumo.monitoring._structured import read_report

        verdicts = read_report(file, key)
    else:
        verdicts = read_table(file, key)
    if not verdicts:
        raise DataError(f"{file}: holds no verdict; fill in the column verdict")
    return keep(folder, verdicts, by, today)


def standing(
    parts: Iterable[Part],
    folder: Path,
    registered: Counts | None,
    *,
    monitor: "MonitorSettings",
    model: str = "",
) -> Standing:
    """What all verdicts together say of the ensemble ``model`` (a sum; blank: the newest)."""
    parts = list(parts)
    answers = answers_of(parts)
    model = model or newest(parts)
    mine = answers.get(model, {})
    tables = resolve(imports(folder), (a for m in answers.values() for a in m.values()), site_key())
    considered = [one for one in drawn(folder) if one.model == model[:SHORT]]
    found = counted(tables, mine, considered, monitor.audit_share)
    part_read = response(found.truths, considered)
    blind = [truth for truth in found.truths if not truth.seen]
    of = Counter(answer.who for answer in mine.values())
    shares = Shares(
        monitor.audit_share,
        min([monitor.audit_share, *(2 * one.chance for one in considered if not one.called)]),
    )
    return Standing(
        model=model,
        version=max((answer.version for answer in mine.values()), default=0),
        figures=figures(found.truths, part_read),
        blind=figures(blind, response(blind, considered)),
        counted=found,
        agreement=agreement(found.pairs),
        watched=_watched(found.truths, registered, shares, of) if registered else (),
    )


def any_taken_in(folder: Path) -> bool:
    """Whether the monitor's ``folder`` holds readers' verdicts at all."""
    return (folder / FOLDER).is_dir()


def stand(
    parts: Sequence[Part], folder: Path, registered: Counts | None, *, monitor: "MonitorSettings"
) -> Standing:
    """The standing of the newest ensemble, kept for the monitor's page and the next tasks."""
    found = standing(parts, folder, registered, monitor=monitor)
    if found.model and any_taken_in(folder):
        keep_standing(folder, found.model, found.to_json())
    return found


def sentences(found: Standing) -> Iterator[str]:
    """The standing in words, a line each; nothing of a patient or a reader."""
    known = found.figures
    yield (
        f"version {found.version}: {known.readings} radiographs of {known.people} people were read "
        f"by the draw, {known.called} called and {known.uncalled} not"
    )
    if known.words:
        yield known.words
    for name in ("sensitivity", "specificity"):
        if share := getattr(known, name):
            yield f"{name} {_shown(share)}{_beside(found, name)}"
    if known.right_calls:
        yield f"of the called radiographs {_shown(known.right_calls)} show an opacity"
    if found.blind.readings and found.blind.readings < known.readings and found.blind.sensitivity:
        yield f"of readers alone who had not seen the answer: {_shown(found.blind.sensitivity)}"
    if found.agreement:
        same, kappa = found.agreement
        beyond = "" if kappa != kappa else f", kappa {kappa:.2f}"
        yield f"readers agree in {same:.0%} of {len(found.counted.pairs)} pairs{beyond}"
    for reason, count in found.counted.aside.items():
        yield f"{count} {SAYINGS[reason]}"
    for one in found.watched:
        state = "fell" if one.fell else "no fall is shown"
        yield f"{one.name} against {one.floor:.2f}: {state} ({one.weeks} weeks, {one.sum:.1f})"
    yield f"retraining wanted: {'; '.join(found.reasons) or 'no'}"


def _watched(
    truths: Sequence[Truth], registered: Counts, shares: Shares, of_person: Mapping[str, int]
) -> list[Watched]:
    floors = {
        "sensitivity": (registered.called, registered.positive, True),
        "specificity": (registered.left_alone, registered.negative, False),
    }
    return [
        _follow(name, truths, kind, wilson(hits, of).low, shares, of_person)
        for name, (hits, of, kind) in floors.items()
        if of
    ]


def _follow(
    name: str,
    truths: Sequence[Truth],
    positive: bool,
    floor: float,
    shares: Shares,
    of_person: Mapping[str, int],
) -> Watched:
    """Week by week, in the order in which the radiographs first counted.

    Called radiographs are all read. Those with an opacity are answered right when called, those
    without when not.
    """
    mine = sorted(
        (truth for truth in truths if truth.positive == positive and truth.chance > 0),
        key=lambda truth: (truth.week, truth.answer.content),
    )
    weeks = [
        [
            Reading(
                truth.answer.called == positive,
                truth.chance,
                truth.answer.who,
                of_person[truth.answer.who],
            )
            for truth in week
        ]
        for _, week in groupby(mine, key=lambda truth: truth.week)
    ]
    right, wrong = (1.0, shares.now) if positive else (shares.least, 1.0)
    found = watch(weeks, floor, right, wrong) if 0 < floor < 1 and shares.least > 0 else None
    total = found.sums[-1] if found and found.sums else 0.0
    fell = bool(found and found.alarm is not None)
    return Watched(name, floor, len(weeks), total, fell, len(mine))


def _beside(found: Standing, name: str) -> str:
    naive = found.figures.naive
    if name != "sensitivity" or naive != naive:
        return ""
    return f"; counting without weights would give {naive:.2f}"


def _shown(share: Share) -> str:
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    return value


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
