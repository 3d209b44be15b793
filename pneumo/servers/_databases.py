"""The SQLite files of Airflow and MLflow, brought to the installed versions.

A migration works on a copy that replaces the original when it is done, so a kill leaves no
half-made database. The version that a database was made for lies beside it in a file
``.version``.
"""

import contextlib
import sqlite3
from importlib.metadata import version
from pathlib import Path

from pneumo.base.files import whole, write_text
from pneumo.servers import environment, processes
from pneumo.servers.config import Config, mlflow_sqlite_url, sqlite_url


def outdated(config: Config) -> bool:
    """Whether another version of Airflow or MLflow than the installed one made the databases."""
    made = {program: _stamp(_database(config, program)) for program in ("airflow", "mlflow")}
    installed = {"airflow": version("apache-airflow"), "mlflow": version("mlflow")}
    return any(made[program] not in ("", installed[program]) for program in made)


def prepare_airflow(config: Config) -> None:
    """Create or migrate Airflow's database, unless the installed version did so before."""
    database = _database(config, "airflow")
    if _stamp(database) != version("apache-airflow"):
        _migrate(config, database, [str(environment.programs() / "airflow"), "db", "migrate"])
        write_text(_stamp_of(database), version("apache-airflow"))


def prepare_mlflow(config: Config) -> None:
    """Migrate MLflow's database; one that was never served is put aside: it may be half made.

    MLflow's server makes a new database by itself: see ``mlflow_is_served``.
    """
    database = _database(config, "mlflow")
    if not _stamp(database):
        for half_made in (database, database.with_name("users.db")):
            if half_made.exists():
                half_made.replace(half_made.with_suffix(".unfinished"))
    elif _stamp(database) != version("mlflow"):
        upgrade = [str(environment.programs() / "mlflow"), "db", "upgrade"]
        _migrate(config, database, upgrade, url_last=True)
        mlflow_is_served(config)


def mlflow_is_served(config: Config) -> None:
    """Remember that MLflow's server has made its databases."""
    write_text(_stamp_of(_database(config, "mlflow")), version("mlflow"))


def _migrate(config: Config, database: Path, command: list[str], url_last: bool = False) -> None:
    """Run ``command`` on a copy of ``database`` and put the copy in its place."""
    log = config.home / "logs" / f"{database.stem}-migration.log"
    with whole(database) as copy:
        if database.exists():
            _copy(database, copy)
        variables = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sqlite_url(copy)}
        everything = environment.of_servers(config, "migration") | variables
        line = [*command, mlflow_sqlite_url(copy.name)] if url_last else command
        processes.run(line, everything, log)
        _settle(copy)


def _copy(database: Path, copy: Path) -> None:
    """Copy a SQLite file by SQLite's own means, which first undoes what a kill left half done."""
    closing = contextlib.closing
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _settle(copy: Path) -> None:
    """Bring into the file itself what SQLite still keeps in its log beside it."""
    with contextlib.closing(sqlite3.connect(copy)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _stamp(database: Path) -> str:
    """The version that ``database`` was made for, empty when it is none or not whole."""
    stamp = _stamp_of(database)
    return stamp.read_text(encoding="utf-8") if stamp.exists() and database.exists() else ""


def _stamp_of(database: Path) -> Path:
    return database.with_suffix(".version")


def _database(config: Config, program: str) -> Path:
    return config.home / program / f"{program}.db"
