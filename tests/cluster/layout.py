"""Where a cluster keeps what, on which ports it listens, and its secrets."""

import json
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumo.base.files import write_text
from pneumo.servers import config
from pneumo.servers.config import Config

STORES = ("postgres", "redis", "s3")
PARTS = ("mlflow", "api-server", "dag-processor", "scheduler")
DATABASES = ("airflow", "mlflow", "mlflow_auth")
BUCKETS = ("dvc", "mlflow")


@dataclass(frozen=True)
class Layout:
    """One cluster: the checkout that the scheduler reads, one per worker, ports, secrets."""

    config: Config
    ports: dict[str, int]
    secrets: dict[str, str]
    workers: dict[str, Path]

    @property
    def home(self) -> Path:
        """The folder of everything the parts write."""
        return self.config.home

    @property
    def user(self) -> str:
        """The owner of the databases."""
        return "pneumo"

    @property
    def pgpass(self) -> Path:
        """The file from which every client of PostgreSQL reads the password."""
        return self.home / "pgpass"

    @property
    def s3_url(self) -> str:
        """Where the S3 server answers."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def names(self) -> tuple[str, ...]:
        """All parts, in the order in which they are started."""
        return (*STORES, *PARTS, *(f"worker-{queue}" for queue in self.workers))

    def database(self, name: str) -> str:
        """The address of a database, without its password."""
        return f"postgresql+psycopg2://{self.user}@127.0.0.1:{self.ports['postgres']}/{name}"


def load(checkout: Path, workers: dict[str, Path]) -> Layout:
    """The cluster of ``checkout``; ports and secrets are made at the first call and kept.

    ``workers`` gives the checkout of the worker of each queue. Files are readable by their owner
    only.
    """
    chosen = config.load(checkout)
    ports = _kept(chosen.home / "cluster-ports.json", _free_ports)
    made = _kept(chosen.home / "cluster-secrets.json", _make_secrets)
    return Layout(chosen, ports, made, {name: path.resolve() for name, path in workers.items()})


def write(layout: Layout) -> None:
    """Write the files from which PostgreSQL's and S3's clients read who they are."""
    port = layout.ports["postgres"]
    line = f"127.0.0.1:{port}:*:{layout.user}:{layout.secrets['postgres']}\n"
    write_text(layout.pgpass, line, mode=0o600)
    keys = f"aws_access_key_id = pneumo\naws_secret_access_key = {layout.secrets['s3']}\n"
    write_text(layout.home / "aws", f"[default]\n{keys}", mode=0o600)
    where = f"region = us-east-1\nendpoint_url = {layout.s3_url}\n"
    write_text(layout.home / "aws-config", f"[default]\n{where}", mode=0o600)


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not path.exists():
        write_text(path, json.dumps(make()), mode=0o600)
    return json.loads(path.read_text(encoding="utf-8"))


def _make_secrets() -> dict[str, str]:
    return {name: secrets.token_urlsafe(24) for name in STORES}


def _free_ports() -> dict[str, int]:
    trials = {name: socket.create_server(("127.0.0.1", 0)) for name in STORES}
    ports = {name: int(trial.getsockname()[1]) for name, trial in trials.items()}
    for trial in trials.values():
        trial.close()
    return ports
