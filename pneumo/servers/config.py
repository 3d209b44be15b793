"""What the servers of a workspace are told: ports, secrets, Airflow's settings.

All of it lies in the ignored folder ``.pneumo`` of the workspace, readable by its owner only.
"""

import base64
import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import quote

from pneumo.base.errors import PneumoError
from pneumo.base.files import write_json, write_text
from pneumo.servers import _identity

USER = "admin"
"""The one user of both pages; the password is generated at the first start."""

DEFAULT_PORTS = {"PNEUMO_AIRFLOW_PORT": 8080, "PNEUMO_MLFLOW_PORT": 5000}
"""The environment variables that choose a port, and the ports without them."""


@dataclass(frozen=True)
class Config:
    """Places, addresses and secrets of one workspace."""

    workspace: Path
    airflow_port: int
    mlflow_port: int
    secrets: dict[str, str]

    @property
    def home(self) -> Path:
        """The ignored folder that holds everything the servers write."""
        return self.workspace / ".pneumo"

    @property
    def airflow_url(self) -> str:
        """Where Airflow's page and REST API answer."""
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow's page and API answer."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def password_file(self) -> Path:
        """The password of ``admin``, in plain text, for its owner's eyes."""
        return self.home / "password"


def load(workspace: Path) -> Config:
    """Read the workspace's settings; what is missing is generated and kept.

    A copied checkout gets a mark, ports and secrets of its own.
    """
    workspace = workspace.resolve()
    home = workspace / ".pneumo"
    home.mkdir(mode=0o700, exist_ok=True)
    if _identity.original(workspace):
        _start_over(home)
    _identity.take(workspace)
    airflow_port, mlflow_port = _ports(home / "ports.json")
    return Config(workspace, airflow_port, mlflow_port, _secrets(home / "secrets.json"))


def look(workspace: Path) -> Config:
    """The workspace's places and addresses, without secrets; nothing is made or changed."""
    workspace = workspace.resolve()
    own = workspace / ".pneumo" / "ports.json" if instance(workspace) else None
    airflow_port, mlflow_port = _ports(own)
    return Config(workspace, airflow_port, mlflow_port, {})


def moved(config: Config) -> bool:
    """Whether other ports are asked for now than at the last start."""
    remembered = config.home / "ports.json"
    return remembered.exists() and json.loads(remembered.read_text()) != _named_ports(config)


def write(config: Config) -> None:
    """Write the files that Airflow and MLflow read when they start."""
    write_json(config.home / "ports.json", _named_ports(config))
    _write_private(config.password_file, config.secrets["password"] + "\n")
    airflow, mlflow = config.home / "airflow", config.home / "mlflow"
    _write_private(airflow / "airflow.cfg", _airflow_cfg(config))
    _write_private(airflow / "passwords.json", json.dumps({USER: config.secrets["password"]}))
    _write_private(mlflow / "auth.ini", _auth_ini(config))


def instance(workspace: Path) -> str:
    """The random mark that every process of this workspace carries; blank where there is none."""
    return _identity.mark_of(workspace)


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file; SQLAlchemy decodes ``%`` in it, and cuts it at ``?``.

    Who finds it locked by another process waits a minute for it. Python's own five seconds are too
    few for a dozen of Airflow's processes on a busy machine: a request was answered with 500.
    """
    return f"sqlite:///{quote(str(path))}?timeout=60"


def mlflow_sqlite_url(name: str) -> str:
    """The address of a SQLite file of MLflow, from where servers work (``.pneumo/logs``).

    MLflow makes the folder of a file by the address as it is written, without decoding it, so the
    checkout's path, with a ``%`` or a blank, must not be in it.
    """
    return f"sqlite:///../mlflow/{quote(name)}"


def _start_over(home: Path) -> None:
    """Remove from a copied folder what is its original's: processes, addresses, secrets.

    The key of Airflow's database stays, which can be read with no other. The mark is made last,
    so this is done again after a kill.
    """
    shutil.rmtree(home / "run", ignore_errors=True)
    for name in ("env", "password", "cluster-ports.json"):
        (home / name).unlink(missing_ok=True)
    write_json(home / "ports.json", {name: free_port() for name in DEFAULT_PORTS})
    if (home / "secrets.json").exists():
        old = json.loads((home / "secrets.json").read_text(encoding="utf-8"))
        _make_secrets(home / "secrets.json", {"fernet_key": old["fernet_key"]})


def _ports(remembered: Path | None) -> list[int]:
    """The ports: the environment's choice, else that of the last start, else the default."""
    last = json.loads(remembered.read_text()) if remembered and remembered.exists() else {}
    ports = [
        _port(name, os.environ.get(name) or last.get(name, default))
        for name, default in DEFAULT_PORTS.items()
    ]
    if len(set(ports)) < len(ports):
        raise PneumoError(f"{' and '.join(DEFAULT_PORTS)} are both {ports[0]}; choose two ports")
    return ports


def _port(name: str, value: str | int) -> int:
    if not str(value).isdecimal() or not 1024 <= int(value) <= 65535:
        raise PneumoError(f"{name}: must be a port from 1024 to 65535 (got {value!r})")
    return int(value)


def _named_ports(config: Config) -> dict[str, int]:
    return dict(zip(DEFAULT_PORTS, (config.airflow_port, config.mlflow_port), strict=True))


def _secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        _make_secrets(path, {})
    return json.loads(path.read_text(encoding="utf-8"))


def _make_secrets(path: Path, kept: dict[str, str]) -> None:
    (path.parent / "mlflow" / "users.db").unlink(missing_ok=True)  # holds the old password
    made = {name: make() for name, make in _SECRETS.items()} | kept
    _write_private(path, json.dumps(made, indent=2) + "\n")


_SECRETS: dict[str, Callable[[], str]] = {
    "password": lambda: secrets.token_urlsafe(18),
    "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "jwt_secret": lambda: secrets.token_urlsafe(64),
    "api_secret": lambda: secrets.token_urlsafe(32),
    "mlflow_secret": lambda: secrets.token_urlsafe(32),
}


def _airflow_cfg(config: Config) -> str:
    values = {
        **config.secrets,
        "user": USER,
        "workspace": str(config.workspace),
        "home": str(config.home / "airflow"),
        "database": sqlite_url(config.home / "airflow" / "airflow.db"),
        "url": config.airflow_url,
        "port": str(config.airflow_port),
    }
    template = Path(__file__).with_name("airflow.cfg").read_text(encoding="utf-8")
    return Template(template).substitute({k: v.replace("%", "%%") for k, v in values.items()})


def _auth_ini(config: Config) -> str:
    """MLflow's login: nobody but the admin; a checked password is remembered for a minute."""
    lines = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": mlflow_sqlite_url("users.db"),
        "admin_username": USER,
        "admin_password": config.secrets["password"],
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": "60",
    }
    return "[mlflow]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, text, mode=0o600)
