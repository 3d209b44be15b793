"""Who is champion: one alias move, by one promotion at a time.

Moving the alias ``champion`` is the only commit point. Before it, the new champion's tag
``pneumo.replaces`` says whom it will replace; after it, ``settle`` derives all the rest from there,
so a process that was killed at any step leaves a whole champion, and the next promotion or rollback
puts ``previous`` right.

MLflow has no compare-and-set, but making a registered model of a given name succeeds for one caller
alone: that name is the lock. The champion is read again under it.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil

from pneumo.base.errors import RegistryError
from pneumo.registry import store
from pneumo.registry._told import ACT, tell
from pneumo.registry.store import number

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

VERDICT = "pneumo.verdict"
REPLACES = "pneumo.replaces"
LEASE_S = 120.0
"""A lock older than this, by the server's clock alone, belongs to a process that died elsewhere."""


class OvertakenError(RegistryError):
    """Another promotion is at work or was faster; trying again judges against its champion."""

    exit_code = 1


def crown(
    server: "MlflowClient",
    version: "ModelVersion",
    expected: "ModelVersion | None",
    who: str,
    why: str,
    act: str = "promotion",
) -> None:
    """Make ``version`` champion in the place of ``expected`` (None: of nobody).

    ``act`` is what the audit trail calls it. Raises OvertakenError when another promotion is at
    work, or the champion is another one than the version was judged against.
    """
    with _lock(server, who) as still_held:
        leads = store.version_at(server, store.CHAMPION)
        if (leads and number(leads)) != (expected and number(expected)):
            raise OvertakenError(
                f"{store.ENSEMBLE}: version {number(leads) if leads else 'none'} became "
                f"champion meanwhile; judge version {version.version} against it: run the command "
                "again"
            )
        tags = {"pneumo.by": who, "pneumo.because": why, "pneumo.since": now(), ACT: act}
        store.tag(server, version, {**tags, REPLACES: number(leads) if leads else ""})
        still_held()
        store.move_alias(server, store.CHAMPION, version.version)
        settle(server)


def settle(server: "MlflowClient") -> "ModelVersion | None":
    """Put the other aliases right after a promotion that was killed; return the champion.

    The audit trail is told what it lacks, too (``_told.tell``).
    """
    if (holder := _holder(server)) and is_dead(server, holder):
        store.drop_name(server, _lock_name())
    champion = store.version_at(server, store.CHAMPION)
    if champion is None:
        tell(server, None)
        return None
    named = store.aliases(server)
    replaced = champion.tags.get(REPLACES, "")
    known = replaced and any(number(v) == replaced for v in store.versions(server))
    if known and named.get(store.PREVIOUS) != replaced:
        store.move_alias(server, store.PREVIOUS, replaced)
    if named.get(store.CHALLENGER) == number(champion):
        server.delete_registered_model_alias(store.ENSEMBLE, store.CHALLENGER)
    tell(server, champion)
    return champion


def rollback(server: "MlflowClient", who: str, why: str) -> "tuple[ModelVersion, ModelVersion]":
    """Make ``previous`` champion again, and the champion ``previous``; return both as they were.

    Nothing is measured or loaded: it was champion before, and this must take seconds.
    """
    champion = settle(server)
    previous = store.version_at(server, store.PREVIOUS)
    if champion is None or previous is None or number(previous) == number(champion):
        raise RegistryError(f"{store.ENSEMBLE} has no previous champion to go back to")
    crown(server, previous, champion, who, why, "rollback")
    retired = f"rolled back to version {previous.version} by {who}, {now()}: {why}"
    store.tag(server, champion, {"pneumo.retired": retired, VERDICT: "rolled back"})
    store.tag(server, previous, {VERDICT: "promoted"})
    return previous, champion


@contextmanager
def _lock(server: "MlflowClient", who: str) -> "Iterator[_StillHeld]":
    """Hold the promotion's lock for the block; OvertakenError when somebody else holds it."""
    token = uuid4().hex
    _take(server, {"token": token, "who": who, **_process()})
    held = _StillHeld(server, token)
    try:
        yield held
    finally:
        if _holder(server).get("token") == token:
            store.drop_name(server, _lock_name())


class _StillHeld:
    """Raises OvertakenError, when called, if the lock was taken away meanwhile."""

    def __init__(self, server: "MlflowClient", token: str) -> None:
        self._server, self._token = server, token

    def __call__(self) -> None:
        if _holder(self._server).get("token") != self._token:
            raise OvertakenError(
                f"{store.ENSEMBLE}: this promotion took so long that another one took its lock; "
                "nothing was changed; run the command again"
            )


def _take(server: "MlflowClient", tags: Mapping[str, str]) -> None:
    for _ in range(2):
        if store.make_name(server, _lock_name(), tags):
            return
        holder = _holder(server)
        if holder and not is_dead(server, holder):
            raise OvertakenError(
                f"{store.ENSEMBLE}: {holder.get('who')} promotes on {holder.get('host')} "
                f"right now (process {holder.get('process')}); run the command again"
            )
        if _holder(server).get("token") == holder.get("token"):
            store.drop_name(server, _lock_name())
    raise OvertakenError(f"{store.ENSEMBLE}: another promotion was faster; run it again")


def is_dead(server: "MlflowClient", holder: Mapping[str, str]) -> bool:
    """Whether the lock's holder died: seen at once on its own machine, by age from another.

    The lock's age is that of its registered model, between two stamps of the server: the clocks of
    two machines differ.
    """
    with suppress(ValueError, KeyError, psutil.NoSuchProcess):
        if holder["host"] != socket.gethostname():
            return store.age_s(server, _lock_name()) > LEASE_S
        process = psutil.Process(int(holder["process"]))
        other = abs(process.create_time() - float(holder["born"])) > 1
        return other or process.status() == psutil.STATUS_ZOMBIE
    return True


def _holder(server: "MlflowClient") -> dict[str, str]:
    return store.tags_of_name(server, _lock_name())


def _process() -> dict[str, str]:
    born = psutil.Process().create_time()
    host, process = socket.gethostname(), str(os.getpid())
    return {"host": host, "process": process, "born": str(born)}


def _lock_name() -> str:
    return f"{store.ENSEMBLE}.lock"


def now() -> str:
    """The moment, in UTC, as tags have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
