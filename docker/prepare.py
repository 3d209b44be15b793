#!/usr/bin/env python3
"""Make what compose.yaml reads: secrets, folders, and .env. What is there already stays.

``docker/secrets`` is for its owner only, every file in it has mode 0600, and no secret is printed.
The containers run under this user's number, which ``.env`` tells them, so they can read them.
Python's standard library alone. Example: ``python3 docker/prepare.py``
"""

import base64
import json
import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "secrets"


def main() -> None:
    """Write what is missing; exit code 2 when it is called as root."""
    if os.getuid() == 0 and "--as-root" not in sys.argv:
        print(
            "prepare.py: as root the containers would run as root; call it as another user",
            file=sys.stderr,
        )
        raise SystemExit(2)
    for folder in (FOLDER, HERE / "state" / "s3", HERE / "state" / "shared"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    FOLDER.chmod(0o700)
    made = _passwords()
    written = [name for name, text in _files(made).items() if _write(FOLDER / name, text)]
    _write(HERE / ".env", f"PNEUMO_UID={os.getuid()}\n")
    print(f"{FOLDER}: {len(written)} files written; admin's password is in admin_password")


def _passwords() -> dict[str, str]:
    """All passwords, made once: the file ``all.json`` is their only source."""
    path = FOLDER / "all.json"
    names = ("postgres", "airflow", "celery", "mlflow", "redis", "admin", "s3", "api", "flask")
    made = {name: secrets.token_urlsafe(24) for name in names}
    made["jwt"] = secrets.token_urlsafe(64)
    made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    _write(path, json.dumps(made, indent=2) + "\n")
    return json.loads(path.read_text())


def _files(made: dict[str, str]) -> dict[str, str]:
    """What each service reads, in the form that it reads."""
    key = "pneumo"
    return {
        "postgres_password": made["postgres"],
        "airflow_pgpass": _pgpass("airflow", made) + _pgpass("celery", made),
        "worker_pgpass": _pgpass("celery", made),
        "mlflow_pgpass": _pgpass("mlflow", made),
        "setup_pgpass": _pgpass("postgres", made),
        "roles.json": json.dumps({name: made[name] for name in ("airflow", "celery", "mlflow")}),
        "redis.conf": f"requirepass {made['redis']}\nappendonly yes\n",
        "redis_password": made["redis"],
        "broker": f"redis://:{made['redis']}@redis:6379/0",
        "fernet_key": made["fernet"],
        "jwt_secret": made["jwt"],
        "api_secret": made["api"],
        "admin_password": made["admin"] + "\n",
        "airflow_passwords": json.dumps({"admin": made["admin"]}) + "\n",
        "mlflow_auth.ini": (
            "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
            "database_uri = postgresql://mlflow@postgres/mlflow_auth\n"
            f"admin_username = admin\nadmin_password = {made['admin']}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 60\n"
        ),
        "mlflow_flask": made["flask"],
        "mlflow_credentials": (
            "[mlflow]\nmlflow_tracking_username = admin\n"
            f"mlflow_tracking_password = {made['admin']}\n"
        ),
        "s3_root": (
            f"ROOT_ACCESS_KEY={key}\nROOT_SECRET_KEY={made['s3']}\n"
            f"ROOT_ACCESS_KEY_ID={key}\nROOT_SECRET_ACCESS_KEY={made['s3']}\n"
        ),
        "aws_credentials": (
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {made['s3']}\n"
        ),
    }


def _pgpass(role: str, made: dict[str, str]) -> str:
    """A line of libpq's password file: tokens hold no ``:`` and no backslash."""
    return f"postgres:5432:*:{role}:{made[role]}\n"


def _write(path: Path, text: str) -> bool:
    """Write a file of mode 0600 unless it is there; a kill leaves no half of it."""
    if path.exists():
        return False
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)
    return True


if __name__ == "__main__":
    main()
