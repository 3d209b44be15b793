"""The command of each part of a cluster."""

from importlib.metadata import version
from pathlib import Path

from pneumo.base.files import write_text
from pneumo.servers import environment, processes, programs
from tests.cluster import settings, stores
from tests.cluster.layout import STORES, Layout


def start(layout: Layout, name: str, slots: dict[str, int]) -> None:
    """Start one part."""
    line = stores.command(layout, name) if name in STORES else _command(layout, name, slots)
    if log(layout, name).exists():  # a part that is started again must not lose what it said
        with log(layout, name).with_suffix(".before.log").open("ab") as before:
            before.write(log(layout, name).read_bytes())
    record = layout.home / "run" / f"{name}.json"
    processes.start(list(map(str, line)), settings.of_part(layout, name), log(layout, name), record)


def migrate(layout: Layout) -> None:
    """Bring Airflow's database to the installed version."""
    stamp = layout.home / "airflow-database.version"
    if not stamp.exists() or stamp.read_text() != version("apache-airflow"):
        line = [str(environment.programs() / "airflow"), "db", "migrate"]
        processes.run(line, settings.of_part(layout, "migration"), log(layout, "migration"))
        write_text(stamp, version("apache-airflow"))


def worker_listens(layout: Layout, name: str) -> bool:
    """Whether a worker has said that it takes tasks."""
    return " ready." in log(layout, name).read_text(encoding="utf-8", errors="replace")


def log(layout: Layout, name: str) -> Path:
    """The file of what a part prints."""
    return layout.home / "logs" / f"{name}.log"


def _command(layout: Layout, name: str, slots: dict[str, int]) -> list[str | Path]:
    if name == "mlflow":
        return _mlflow(layout)
    if name in programs.SERVERS:
        return programs.command(layout.config, name)
    return _worker(name.removeprefix("worker-"), slots)


def _worker(queue: str, slots: dict[str, int]) -> list[str | Path]:
    options = {
        "--queues": queue,
        "--concurrency": str(slots.get(queue, 1)),
        "--celery-hostname": f"{queue}@pneumo",
    }
    words = [word for pair in options.items() for word in pair]
    quiet = ["--skip-serve-logs", "--without-gossip", "--without-mingle"]
    return [environment.programs() / "airflow", "celery", "worker", *words, *quiet]


def _mlflow(layout: Layout) -> list[str | Path]:
    """The server of one machine, with PostgreSQL and S3 in place of its files."""
    instead = {
        "--backend-store-uri": layout.database("mlflow"),
        "--artifacts-destination": "s3://mlflow/artifacts",
    }
    words = [str(word) for word in programs.command(layout.config, "mlflow")]
    options = [word.partition("=")[0] for word in words]
    return [
        f"{option}={instead[option]}" if option in instead else word
        for option, word in zip(options, words, strict=True)
    ]
