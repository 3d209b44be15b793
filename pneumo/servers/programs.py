"""The four servers of a workspace: their commands, and when they are ready."""

import importlib.util
import socket
import time
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from pneumo.base.errors import PneumoError, ServiceError
from pneumo.servers import environment, processes
from pneumo.servers.config import Config, free_port, instance, mlflow_sqlite_url

SERVERS = ("mlflow", "api-server", "dag-processor", "scheduler")
"""In the order in which they are started."""

START_LIMIT_S = 300.0
"""How long servers may take until they are ready."""


def start(config: Config, name: str) -> None:
    """Start one server."""
    line = [str(part) for part in command(config, name)]
    processes.start(
        line,
        environment.of_servers(config, name),
        _log(config, name),
        _record(config.workspace, name),
    )


def process(workspace: Path, name: str) -> psutil.Process | None:
    """The server's process while it lives; a copied record names that of the original."""
    return processes.recorded(_record(workspace, name)) if instance(workspace) else None


def end_strays(config: Config, names: Collection[str]) -> None:
    """End what dead servers have left behind, such as the tasks of a dead scheduler."""
    for name in names:
        processes.end(instance(config.workspace), name)


def wait(config: Config, names: Collection[str]) -> None:
    """Return when all of ``names`` are ready; ServiceError when one ends or takes too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while waiting := set(names) - ready(config):
        for name in waiting:
            if process(config.workspace, name) is None:
                raise _failure(config, name, "ended while it started")
            if time.monotonic() > deadline:
                raise _failure(config, name, f"is not ready after {START_LIMIT_S:.0f} s")
        time.sleep(0.3)


def ready(config: Config) -> set[str]:
    """The names of the servers that do their work now."""
    living = {name: running for name in SERVERS if (running := process(config.workspace, name))}
    health = (
        _json(f"{config.airflow_url}/api/v2/monitor/health") if "api-server" in living else None
    )
    tests = {
        "mlflow": lambda: _answers(f"{config.mlflow_url}/health"),
        "api-server": lambda: health is not None,
        "dag-processor": lambda: _beats(health, "dag_processor", living["dag-processor"]),
        "scheduler": lambda: _beats(health, "scheduler", living["scheduler"]),
    }
    return {name for name in living if tests[name]()}


def refuse_taken_ports(config: Config, names: Collection[str]) -> None:
    """Raise PneumoError when a port that a server needs belongs to somebody else."""
    needs = {
        "api-server": ("Airflow", config.airflow_port, "PNEUMO_AIRFLOW_PORT"),
        "mlflow": ("MLflow", config.mlflow_port, "PNEUMO_MLFLOW_PORT"),
    }
    taken = [needs[name] for name in names if name in needs and not _is_free(needs[name][1])]
    if taken:
        lines = (
            f"port {port} of {page} is taken; choose another: {setting}={free_port()}"
            for page, port, setting in taken
        )
        raise PneumoError("\n".join(lines))


def refuse_missing_programs() -> None:
    """Raise PneumoError when Airflow, MLflow or its login are not installed here."""
    programs = [environment.programs() / name for name in ("airflow", "mlflow", "dvc")]
    missing = [path.name for path in programs if not path.exists()]
    if importlib.util.find_spec("flask_wtf") is None:
        missing.append("flask-wtf")
    if missing:
        raise PneumoError(f"{', '.join(missing)}: not installed; install pneumo[workflow]")


def command(config: Config, name: str) -> list[str | Path]:
    """The command line of a server."""
    if name == "mlflow":
        return _mlflow(config)
    quiet = ["--skip-serve-logs"] if name == "scheduler" else []  # else it listens on 0.0.0.0
    return [environment.programs() / "airflow", name, *quiet]


def _mlflow(config: Config) -> list[str | Path]:
    home, port = config.home / "mlflow", str(config.mlflow_port)
    options = {
        "--backend-store-uri": mlflow_sqlite_url("mlflow.db"),
        "--artifacts-destination": (home / "artifacts").as_uri(),
        "--host": "127.0.0.1",
        "--port": port,
        "--workers": "1",
        "--allowed-hosts": f"127.0.0.1:{port},localhost:{port}",
        "--cors-allowed-origins": f"{config.mlflow_url},http://localhost:{port}",
        "--app-name": "basic-auth",
    }
    flags = [f"{option}={value}" for option, value in options.items()]
    return [environment.programs() / "mlflow", "server", "--serve-artifacts", *flags]


def _log(config: Config, name: str) -> Path:
    return config.home / "logs" / f"{name}.log"


def _record(workspace: Path, name: str) -> Path:
    return workspace.resolve() / ".pneumo" / "run" / f"{name}.json"


def _failure(config: Config, name: str, what: str) -> ServiceError:
    log = _log(config, name)
    return ServiceError(f"{name} {what}:\n{processes.tail(log)}\nthe whole log: {log}")


def _beats(health: Any, part: str, owner: psutil.Process) -> bool:
    """Whether a part of Airflow has reported since its present process was started."""
    last = (health or {}).get(part, {}).get(f"latest_{part}_heartbeat")
    return bool(last) and datetime.fromisoformat(last).timestamp() >= owner.create_time()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _json(url: str) -> Any:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else None


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
