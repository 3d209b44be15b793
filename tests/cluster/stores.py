"""PostgreSQL, Redis and an S3 server: made, and how each is started.

PostgreSQL refuses to run as root: there it runs as the system's user ``postgres``, with its data
in a folder of their own that this user may reach.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pneumo.base.errors import PneumoError, ServiceError
from pneumo.base.files import write_text
from pneumo.servers import environment
from tests.cluster.layout import BUCKETS, DATABASES, Layout

OWNER = "postgres"


def make(layout: Layout) -> None:
    """Make PostgreSQL's data and Redis' settings, unless they are there."""
    write_text(layout.home / "redis" / "redis.conf", _redis_conf(layout), mode=0o600)
    if not _note(layout).exists():
        _initdb(layout)


def command(layout: Layout, name: str) -> list[str | Path]:
    """How a store is started."""
    if name == "postgres":
        return _as_owner([_program("postgres"), "-D", _postgres_data(layout)])
    if name == "redis":
        return [_found("redis-server"), layout.home / "redis" / "redis.conf"]
    where = ["-H", "127.0.0.1", "-p", str(layout.ports["s3"])]
    return [environment.programs() / "moto_server", *where]


def answers(layout: Layout, name: str) -> bool:
    """Whether a store does its work now."""
    try:
        {"postgres": _ask_postgres, "redis": _ask_redis, "s3": _ask_s3}[name](layout)
    except Exception:  # three libraries' many ways to say: not yet
        return False
    return True


def fill(layout: Layout) -> None:
    """Create the databases and buckets that are missing."""
    import psycopg2

    connection = psycopg2.connect(**_postgres(layout))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        known = {row[0] for row in cursor.fetchall()}
        for name in DATABASES:
            if name not in known:
                cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    client = s3(layout)
    for name in BUCKETS:
        client.create_bucket(Bucket=name)


def s3(layout: Layout) -> Any:
    """A client of the S3 server."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=layout.s3_url,
        region_name="us-east-1",
        aws_access_key_id="pneumo",
        aws_secret_access_key=layout.secrets["s3"],
    )


def remove(layout: Layout) -> None:
    """Remove PostgreSQL's data, which are outside the cluster's own folder."""
    if _note(layout).exists():
        shutil.rmtree(_postgres_data(layout).parent)
        _note(layout).unlink()


def _note(layout: Layout) -> Path:
    """The file that says where PostgreSQL's data are; missing before they are made."""
    return layout.home / "postgres-data"


def _postgres_data(layout: Layout) -> Path:
    return Path(_note(layout).read_text(encoding="utf-8"))


def _initdb(layout: Layout) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pneumo-postgres-"))
    password, data = folder / "password", folder / "data"
    write_text(password, layout.secrets["postgres"], mode=0o600)
    if os.getuid() == 0:
        for path in (folder, password):
            shutil.chown(path, OWNER, OWNER)
    options = ["--auth=scram-sha-256", f"--pwfile={password}", "-U", layout.user, "-E", "UTF8"]
    line = _as_owner([_program("initdb"), "-D", data, *options])
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, cwd=folder)
    password.unlink()
    if done.returncode:
        raise ServiceError(f"initdb failed: {done.stderr}")
    with (data / "postgresql.conf").open("a") as file:
        file.write(_postgres_conf(layout, folder))
    write_text(_note(layout), str(data))


def _postgres_conf(layout: Layout, folder: Path) -> str:
    lines = {
        "listen_addresses": "'127.0.0.1'",
        "port": layout.ports["postgres"],
        "unix_socket_directories": f"'{folder}'",
        "max_connections": 200,
    }
    return "\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def _redis_conf(layout: Layout) -> str:
    """Redis keeps what is queued through a restart; its title would hide the process' mark."""
    return f"""\
bind 127.0.0.1
port {layout.ports["redis"]}
requirepass {layout.secrets["redis"]}
dir {layout.home / "redis"}
appendonly yes
set-proc-title no
"""


def _postgres(layout: Layout) -> dict[str, str | int]:
    return {
        "host": "127.0.0.1",
        "port": layout.ports["postgres"],
        "user": layout.user,
        "dbname": "postgres",
        "passfile": str(layout.pgpass),
        "connect_timeout": 3,
    }


def _ask_postgres(layout: Layout) -> None:
    import psycopg2

    psycopg2.connect(**_postgres(layout)).close()


def _ask_redis(layout: Layout) -> None:
    import redis

    redis.Redis(port=layout.ports["redis"], password=layout.secrets["redis"]).ping()


def _ask_s3(layout: Layout) -> None:
    s3(layout).list_buckets()


def _as_owner(line: list[str | Path]) -> list[str | Path]:
    """The command line; of root, as PostgreSQL's own user."""
    if os.getuid() != 0:
        return line
    owner = pwd.getpwnam(OWNER)
    ids = [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    return [_found("setpriv"), *ids, "--", *line]


def _program(name: str) -> Path:
    """A program of PostgreSQL: Debian keeps servers out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1] if found else _found(name)


def _found(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise PneumoError(f"{name}: not installed; on Debian: apt-get install {PACKAGES[name]}")
    return Path(path)


PACKAGES = {
    "initdb": "postgresql",
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "setpriv": "util-linux",
}
"""Debian's package of each program."""
