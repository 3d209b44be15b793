"""All servers of a workspace up, down, or looked at."""

import sys
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from rich.console import Console

from pneumo.servers import _databases, _identity, api, config, environment, processes, programs
from pneumo.servers.config import USER, Config


class Services(NamedTuple):
    """Where the pages of a workspace are, and who may open them."""

    workspace: Path
    airflow_url: str
    mlflow_url: str
    user: str
    password: str
    password_file: Path

    def airflow(self) -> api.Airflow:
        """A client of Airflow's REST API that logs in as the user."""
        return api.Airflow(self.airflow_url, self.user, self.password)


class Status(NamedTuple):
    """One server; ``state`` is ``ready``, ``starting`` or ``stopped``."""

    name: str
    pid: int | None
    state: str
    address: str


def up(workspace: Path) -> Services:
    """Start what is missing of a workspace's servers, and wait until all are ready.

    Servers of a checkout that was moved start anew where it is now. Raises PneumoError, before
    anything is started, when a port is taken, and ServiceError, when a server does not come up;
    then, as after Ctrl-C, everything is stopped again.
    """
    if _identity.has_moved(workspace):
        stop_all(workspace)
    copied = _identity.original(workspace)
    chosen = config.load(workspace)
    if copied:
        print(
            f"{chosen.home} was copied from {copied}: this checkout has servers, ports and "
            f"passwords of its own, Airflow on {chosen.airflow_port}, MLflow on "
            f"{chosen.mlflow_port}",
            file=sys.stderr,
        )
    if config.moved(chosen) or _databases.outdated(chosen):
        stop_all(workspace)
    missing = [name for name in programs.SERVERS if programs.process(workspace, name) is None]
    if missing:
        _check(chosen, missing)
    try:
        _start(chosen, missing, Console(stderr=True))
    except BaseException:
        stop_all(workspace)
        raise
    return _services(chosen)


def stop_all(workspace: Path) -> int:
    """End every process of the workspace's instance; return how many there were."""
    mark = config.instance(workspace)
    if not mark:
        return 0
    living = (programs.process(workspace, name) for name in programs.SERVERS)
    return processes.end(mark, first=[p for p in living if p])


def status(workspace: Path) -> list[Status]:
    """The servers of a workspace, as they are now; nothing is made or changed."""
    chosen = config.look(workspace)
    addresses = {"mlflow": chosen.mlflow_url, "api-server": chosen.airflow_url}
    ready, lines = programs.ready(chosen), []
    for name in programs.SERVERS:
        process = programs.process(workspace, name)
        state = "ready" if name in ready else "starting" if process else "stopped"
        pid = process.pid if process else None
        lines.append(Status(name, pid, state, addresses.get(name, "")))
    return lines


def _services(chosen: Config) -> Services:
    urls = chosen.airflow_url, chosen.mlflow_url
    return Services(chosen.workspace, *urls, USER, chosen.secrets["password"], chosen.password_file)


def _check(chosen: Config, missing: list[str]) -> None:
    """Make room for the missing servers and write what they read; nothing is started yet."""
    programs.refuse_missing_programs()
    programs.end_strays(chosen, missing)
    programs.refuse_taken_ports(chosen, missing)
    config.write(chosen)
    environment.write(chosen)


def _start(chosen: Config, missing: list[str], console: Console) -> None:
    """Start servers; the scheduler last, when no run of a former life can reach it any more."""
    begun = monotonic()
    with console.status("starting MLflow and Airflow") as shown:
        _start_mlflow(chosen, missing)
        _start_airflow(chosen, missing)
        shown.update("waiting for MLflow and Airflow")
        programs.wait(chosen, programs.SERVERS)
    if "mlflow" in missing:
        _databases.mlflow_is_served(chosen)
    if missing:
        console.print(f"servers ready after {monotonic() - begun:.0f} s")


def _start_mlflow(chosen: Config, missing: list[str]) -> None:
    if "mlflow" in missing:
        _databases.prepare_mlflow(chosen)
        programs.start(chosen, "mlflow")


def _start_airflow(chosen: Config, missing: list[str]) -> None:
    _databases.prepare_airflow(chosen)
    for name in ("api-server", "dag-processor"):
        if name in missing:
            programs.start(chosen, name)
    if "scheduler" in missing:
        programs.wait(chosen, ["api-server"])
        with _services(chosen).airflow() as airflow:
            api.ensure_pools(airflow)
            api.fail_unfinished_runs(airflow)
        programs.start(chosen, "scheduler")
