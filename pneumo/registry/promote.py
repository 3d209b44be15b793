"""Register what was trained and evaluated, and let the gate decide who is champion."""

import getpass
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base.errors import PneumoError, RegistryError, TransientError
from pneumo.base.files import write_json
from pneumo.registry import store
from pneumo.registry._gate import Verdict
from pneumo.registry._results import calls_of, read_results, upload
from pneumo.registry._told import REJECTED, tell
from pneumo.registry.agree import agree, asked_here, graph_ahead
from pneumo.registry.champion import REPLACES, VERDICT, OvertakenError, crown, now, settle
from pneumo.registry.judging import LEADS, Seat, judge, seat_at
from pneumo.registry.precisions import INT8, told, wanted
from pneumo.registry.store import number

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pneumo.base.settings import Settings
    from pneumo.registry.agreement import Calls

PROMOTED, KEPT, WAITING = "promoted", "kept", "waiting"
NOBODY = "none"
"""In the place of a champion's number, before the first."""

AGAINST, WAIVER, APPROVED = "pneumo.against", "pneumo.waiver", "pneumo.approved"


@dataclass(frozen=True)
class Outcome:
    """What became of a version: ``promoted``, ``kept``, or ``waiting`` for a person.

    ``against`` is the number of the champion that it was judged against, or ``none``.
    """

    version: "ModelVersion"
    verdict: Verdict
    word: str
    against: str

    @property
    def number(self) -> str:
        """The version's number."""
        return number(self.version)


@dataclass(frozen=True)
class Word:
    """What a person said: ``because`` in the place of a proven gain, ``agreed`` to be promoted."""

    because: str = ""
    by: str = ""
    agreed: Mapping[str, str] | None = None

    @property
    def who(self) -> str:
        """Who decides; the login of who runs this, unless another is named."""
        return self.by or getpass.getuser()

    @property
    def why(self) -> str:
        """What is recorded with a promotion."""
        said = self.agreed["reason"] if self.agreed else self.because.strip()
        return said or "the gate's rules hold"


def promote(
    paths: Mapping[str, Path], settings: "Settings", because: str = "", by: str = ""
) -> Outcome:
    """Register the networks and the ensemble once per distinct result, then judge the ensemble.

    ``paths`` are the folders of ``dvc.yaml``. ``because`` is a person's reason to promote without a
    proven gain, ``by`` that person (blank: who runs this). The same result again changes nothing.
    Raises DataError when the pipeline has not run, ServiceError when no MLflow server is named,
    PneumoError when int8 is to be compared here and nothing that quantises is installed.
    """
    precisions = asked_here(settings.score)
    if INT8 in precisions:
        from pneumo.engines import int8

        int8.require()
    with seat_at(paths, settings.promotion) as seat:
        champion, results = settle(seat.server), read_results(paths)
        version = upload(seat, paths, settings, results)
        if skipped := set(wanted(settings.score.precision)) - {*precisions}:
            print(f"{', '.join(sorted(skipped))}: not compared, since Keras scores here")
        with graph_ahead(seat, version, precisions):
            verdict = judge(seat, version, champion, because)
        _compare(seat, version, precisions, lambda: calls_of(paths, results))
        return _crown(seat, version, champion, verdict, paths, Word(because, by))


def promote_version(
    name: str, paths: Mapping[str, Path], settings: "Settings", because: str = "", by: str = ""
) -> Outcome:
    """Judge a registered version (number or alias) anew, and make it champion if the gate agrees.

    ``because`` stands for a proven gain, and for nothing else: where ``promotion.approval`` is
    required, the version waits until somebody calls ``approve``. One that is promoted is compared
    in the precisions of ``score.precision``, if this processor did not do so before. Raises
    RegistryError for a version that is unknown or champion already.
    """
    with seat_at(paths, settings.promotion) as seat:
        champion, version = settle(seat.server), store.version_of(seat.server, name)
        if champion and number(champion) == number(version):
            raise RegistryError(f"{version.name} version {version.version} is the champion already")
        verdict = judge(seat, version, champion, because)
        if verdict.promoted:
            _compare(seat, version, asked_here(settings.score))
        return _crown(seat, version, champion, verdict, paths, Word(because, by))


def _compare(
    seat: Seat,
    version: "ModelVersion",
    precisions: Sequence[str],
    exact: "Callable[[], Calls] | None" = None,
) -> None:
    """Compare what scoring may compute faster on this processor; say so where that cannot be."""
    try:
        for line in told(agree(seat, version, precisions, exact), precisions):
            print(line)
    except TransientError:
        raise  # another try may find it better
    except PneumoError as error:
        print(
            f"{', '.join(precisions)}: not compared with float32 ({error}); "
            f"`pneumo registry agree {version.version}` does it later"
        )


def approve(
    name: str,
    against: str,
    reason: str,
    paths: Mapping[str, Path],
    settings: "Settings",
    by: str = "",
) -> Outcome:
    """Make a version champion to which a person agreed, if the gate agrees, too.

    The approval is for replacing the champion that was shown, ``against`` (``none``: there was
    none), and no other: OvertakenError when that is not the champion now. Rules are judged anew; a
    reason that stood for the gain when the version began to wait still does. Who, when, why and
    against whom become the tag ``pneumo.approved``. Raises PneumoError without a reason,
    RegistryError when a rule of the gate does not hold.
    """
    reason, against, who = reason.strip(), against.strip(), by or getpass.getuser()
    if not reason:
        raise PneumoError('an approval needs a reason, which is recorded: --reason "..."')
    with seat_at(paths, settings.promotion) as seat:
        champion, version = settle(seat.server), store.version_of(seat.server, name)
        leader = number(champion) if champion else NOBODY
        if leader == number(version) and (version.tags.get(REPLACES) or NOBODY) == against:
            return _keep_champion(seat, version, paths, PROMOTED)  # a try that was cut short
        if leader != against:
            raise OvertakenError(
                f"{version.name}: the approval of version {version.version} was against champion "
                f"{against}, but the champion is {leader} now; nothing was changed; judge it "
                f"against {leader} with `pneumo registry promote {version.version}`, then ask again"
            )
        waiver = version.tags.get(WAIVER, "") if version.tags.get(AGAINST) == against else ""
        agreed = {"by": who, "at": now(), "reason": reason, "against": against}
        verdict = judge(seat, version, champion, waiver)
        if verdict.promoted:
            _compare(seat, version, asked_here(settings.score))
        outcome = _crown(seat, version, champion, verdict, paths, Word(waiver, who, agreed))
    if outcome.word != PROMOTED:
        failed = "; ".join(str(rule) for rule in outcome.verdict.rules if not rule.held)
        raise RegistryError(
            f"{version.name} version {version.version} was approved, but the gate refuses it; "
            f"nothing was promoted: {failed}"
        )
    return outcome


def reject(name: str, because: str, by: str = "") -> "ModelVersion":
    """Record that a person decided against a version; the champion stays.

    Raises PneumoError without a reason.
    """
    if not because.strip():
        raise PneumoError('a rejection needs a reason, which is recorded: --because "..."')
    server = store.connect()
    champion, version = settle(server), store.version_of(server, name)
    if champion and number(champion) == number(version):
        raise RegistryError(f"version {version.version} is the champion; use `registry rollback`")
    who = by or getpass.getuser()
    said = {"by": who, "at": now(), "reason": because}
    told = {REJECTED: json.dumps(said), "pneumo.by": who, "pneumo.because": because}
    store.tag(server, version, {**told, VERDICT: "rejected"})
    tell(server, champion)
    return version


def _crown(
    seat: Seat,
    version: "ModelVersion",
    champion: "ModelVersion | None",
    verdict: Verdict,
    paths: Mapping[str, Path],
    said: Word,
) -> Outcome:
    """Act on a verdict. What cannot be undone, the alias ``champion``, comes last."""
    server = seat.server
    if champion and number(champion) == number(version):
        return _keep_champion(seat, version, paths)
    word = KEPT
    if verdict.promoted:
        word = WAITING if seat.settings.approval == "required" and not said.agreed else PROMOTED
    outcome = Outcome(version, verdict, word, number(champion) if champion else NOBODY)
    told = {"pneumo.rules": json.dumps(verdict.to_json()), "pneumo.reasons": _reasons(verdict)}
    told |= {AGAINST: outcome.against, WAIVER: said.because.strip()}
    told |= {APPROVED: json.dumps(said.agreed)} if said.agreed else {}
    store.tag(server, version, {VERDICT: KEPT if word == PROMOTED else word, **told})
    if word == PROMOTED:
        crown(server, version, champion, said.who, said.why)
    elif store.aliases(server).get(store.PREVIOUS) != number(version):
        store.move_alias(server, store.CHALLENGER, version.version)
    _write(paths, outcome, store.CHAMPION if word == PROMOTED else store.CHALLENGER)
    if word == PROMOTED:
        store.tag(server, version, {VERDICT: PROMOTED})
    return outcome


def _keep_champion(
    seat: Seat, version: "ModelVersion", paths: Mapping[str, Path], word: str = KEPT
) -> Outcome:
    """The champion again; ``promoted`` when the promotion that made it so was cut short."""
    cut_short = version.tags.get(VERDICT) != PROMOTED
    word = PROMOTED if cut_short else word
    outcome = Outcome(version, Verdict((LEADS,)), word, version.tags.get(REPLACES) or NOBODY)
    _write(paths, outcome, store.CHAMPION)
    if cut_short:
        store.tag(seat.server, version, {VERDICT: PROMOTED})
    return outcome


def _reasons(verdict: Verdict) -> str:
    return "; ".join(verdict.reasons)


def _write(paths: Mapping[str, Path], outcome: Outcome, alias: str) -> None:
    """Leave ``promotion.json`` for those who show the result."""
    write_json(
        paths["reports"] / "promotion.json",
        {
            "name": outcome.version.name,
            "version": str(outcome.version.version),
            "verdict": outcome.word,
            "alias": alias,
            "against": outcome.against,
            "reasons": list(outcome.verdict.reasons),
            "rules": outcome.verdict.to_json(),
        },
    )
