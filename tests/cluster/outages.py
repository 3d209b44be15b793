"""Faults over a run in progress, and how long the work takes until it goes on.

A fault is over when the part was killed, or is started again after it was away.
"""

import re
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

import psutil

from pneumo.base.errors import ServiceError
from pneumo.servers import processes, programs
from tests.cluster.site import Run, Site

LIMIT_S = 600.0


@dataclass(frozen=True)
class Fault:
    """What is done to a part: ended by ``how``, and away for some seconds."""

    name: str
    part: str
    how: str
    away_s: float = 0.0


FAULTS = (
    Fault("worker killed (SIGKILL) while training", "worker-gpu", "kill"),
    Fault("scheduler killed (SIGKILL)", "scheduler", "kill"),
    Fault("PostgreSQL restarted", "postgres", "stop"),
    Fault("Redis restarted", "redis", "stop"),
    Fault("API server away for 60 s", "api-server", "stop", 60),
    Fault("MLflow away for 120 s", "mlflow", "stop", 120),
)
"""The worker first: it must be training then, whatever a machine's speed."""


@dataclass(frozen=True)
class Effect:
    """What a fault cost, counted from its end: from the kill, or from when the part is back.

    ``served_s``: until the part answers, the scheduler beats, and Airflow hears from the training.
    ``epoch_s``: until another epoch of the training has ended.
    """

    fault: str
    served_s: float
    epoch_s: float
    retries: int
    lost_epochs: int
    doubled: int

    def row(self) -> str:
        times = f"{self.served_s:.0f} s | {self.epoch_s:.0f} s"
        return f"| {self.fault} | {times} | {self.retries} | {self.lost_epochs} | {self.doubled} |"


HEAD = """\
| fault | all parts serve after | next epoch after | retries | epochs lost | trainings at once - 1 |
|---|---|---|---|---|---|"""


class Training:
    """The training that is under way in a run, as its worker and the database know it."""

    def __init__(self, run: Run, model: str) -> None:
        self.run, self.site, self.model = run, run.site, model

    def epochs(self) -> int:
        """The epochs that its newest checkpoint has; 0 without one."""
        place = f".pneumo/clones/{self.run.dag_id}-train-{self.model}/models/.{self.model}.resume"
        found = (self.site.folder / "gpu" / place).glob("epoch-*.npz")
        return max((int(path.stem.partition("-")[2]) for path in found), default=0)

    def instance(self) -> tuple[str, int, float]:
        """State, number of the try, and time of the last heartbeat of its task."""
        query = """SELECT state, try_number, extract(epoch FROM last_heartbeat_at)
                   FROM task_instance WHERE run_id = %s AND task_id = %s"""
        with closing(connection(self.site)) as database, database.cursor() as cursor:
            cursor.execute(query, (self.run.run_id, f"train_{self.model}"))
            state, tries, beat = cursor.fetchone() or ("", 0, 0)
        return state or "", tries, float(beat or 0)

    def processes(self) -> int:
        """How many processes train this network now."""
        found = [p for p in processes.marked(self.site.cluster.mark) if _is_training(p, self.model)]
        return len(found)

    def resumed(self) -> list[int]:
        """After which epochs its tries went on."""
        log = self.run.log(f"train_{self.model}")
        return [int(n) for n in re.findall(r"going on after epoch (\d+)", log)]

    def await_epoch(self, number: int, seconds: float = 900) -> None:
        deadline = time.monotonic() + seconds
        while self.epochs() < number:
            assert time.monotonic() < deadline, (
                f"{self.model}: no epoch {number}\n{self.run.tasks()}"
            )
            time.sleep(0.1)


def inject(fault: Fault, training: Training) -> Effect:
    """Do it, wait until the work goes on, and say what it cost."""
    cluster, part = training.site.cluster, fault.part
    _, tries, _ = training.instance()
    reached, resumed = training.epochs(), len(training.resumed())
    if fault.how == "kill":
        cluster.kill(part)
    else:
        cluster.stop(part)
        time.sleep(fault.away_s)
    over, seen = time.time(), training.epochs()
    if fault.how != "kill":
        cluster.start(part)
    most = [1]

    def serves() -> bool:
        most.append(training.processes())
        state, now, beat = training.instance()
        heard = state == "success" or (state == "running" and beat > over)
        again = now > tries or part != "worker-gpu"
        return heard and again and cluster.is_ready(part) and _scheduler_beats(training.site, over)

    def epoch_ended() -> bool:
        most.append(training.processes())
        lost = part == "worker-gpu" and len(training.resumed()) == resumed
        return training.instance()[0] == "success" or (not lost and training.epochs() > seen)

    served = await_true(serves, f"{fault.name}: not everything serves")
    ended = await_true(epoch_ended, f"{fault.name}: no epoch ends")
    _, now, _ = training.instance()
    lost = max(0, reached - training.resumed()[-1]) if len(training.resumed()) > resumed else 0
    return Effect(fault.name, served - over, ended - over, now - tries, lost, max(most) - 1)


def await_true(what: Callable[[], bool], complaint: str, seconds: float = LIMIT_S) -> float:
    """Wait until ``what``; when that was. A server that does not answer means: not yet."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ServiceError, psutil.Error, *database_errors()):
            if what():
                return time.time()
        assert time.monotonic() < deadline, complaint
        time.sleep(0.5)


def connection(site: Site):
    """A connection to Airflow's database."""
    import psycopg2

    layout = site.cluster.layout
    where = {"host": "127.0.0.1", "port": layout.ports["postgres"], "user": layout.user}
    return psycopg2.connect(**where, dbname="airflow", passfile=str(layout.pgpass))


def database_errors() -> tuple[type[Exception], ...]:
    import psycopg2

    return (psycopg2.Error,)


def _scheduler_beats(site: Site, since: float) -> bool:
    query = """SELECT extract(epoch FROM max(latest_heartbeat)) FROM job
               WHERE job_type = 'SchedulerJob' AND state = 'running'"""
    with closing(connection(site)) as database, database.cursor() as cursor:
        cursor.execute(query)
        (beat,) = cursor.fetchone()
    return float(beat or 0) > since and "scheduler" in programs.ready(site.cluster.layout.config)


def _is_training(process: psutil.Process, model: str) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return words[2:4] == ["train", model] and words[0].rpartition("/")[2].startswith("python")
