"""What a process of the workspace finds in its environment, and the file that a shell sources."""

import os
import shlex
import sys
from pathlib import Path

from pneumo.base.files import write_text
from pneumo.base.git import without_repository
from pneumo.servers.config import USER, Config, instance

FOREIGN = ("AIRFLOW__", "AIRFLOW_CONFIG", "MLFLOW_", "_MLFLOW_")
"""Variables of the caller's shell that would overrule the files of ``.pneumo``."""

LOOPBACK = "127.0.0.1,localhost"


def of_users(config: Config) -> dict[str, str]:
    """What ``airflow``, ``dvc`` and ``pneumo`` need to meet the servers of this workspace."""
    return {
        "AIRFLOW_HOME": str(config.home / "airflow"),
        "MLFLOW_TRACKING_URI": config.mlflow_url,
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": config.secrets["password"],
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "DVC_SITE_CACHE_DIR": str(config.home / "dvc"),
        **_SILENT,
    }


def of_servers(config: Config, server: str) -> dict[str, str]:
    """The environment of one server, and of every task that it will start."""
    own = without_repository(os.environ)
    kept = {k: v for k, v in own.items() if not k.startswith(FOREIGN)}
    return {
        **kept,
        **of_users(config),
        **_SERVERS,
        "PATH": f"{programs()}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "NO_PROXY": ",".join(filter(None, (LOOPBACK, kept.get("NO_PROXY", "")))),
        "no_proxy": ",".join(filter(None, (LOOPBACK, kept.get("no_proxy", "")))),
        "MLFLOW_AUTH_CONFIG_PATH": str(config.home / "mlflow" / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": config.secrets["mlflow_secret"],
        "PNEUMO_INSTANCE": instance(config.workspace),
        "PNEUMO_SERVER": server,
    }


def write(config: Config) -> None:
    """Write ``.pneumo/env``: after ``. .pneumo/env`` the plain commands work in a shell."""
    lines = [
        "# Written by pneumo at every start; use it with:  . .pneumo/env",
        f"[ -d {shlex.quote(str(config.home))} ] ||",
        "  echo '.pneumo/env: the checkout was moved; run make setup, then make up' >&2",
        f'export PATH={shlex.quote(str(programs()))}:"$PATH"',
        *(f"export {k}={shlex.quote(v)}" for k, v in of_users(config).items()),
        *(f'export {k}="{LOOPBACK}${{{k}:+,${k}}}"' for k in ("NO_PROXY", "no_proxy")),
    ]
    write_text(config.home / "env", "\n".join(lines) + "\n", mode=0o600)


def programs() -> Path:
    """The folder of ``airflow``, ``mlflow`` and ``dvc``: that of the Python that runs now."""
    return Path(sys.executable).parent


_SILENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
}

_SERVERS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONUNBUFFERED": "1",
    # Airflow renames its processes, which would overwrite the environment that marks them.
    "SPT_NOENV": "1",
}
