#!/usr/bin/env python3
"""Make what compose.yaml mounts: secrets, folders, two git repositories, and .env.

``docker/secrets`` is for its owner only, every file in it has mode 0600, and no secret is printed.
What is there already stays; ``state/origin.git`` is brought to the checkout's commit. The
containers run under this user's number, or as root (``--as-root``) under that of the images, which
``.env`` tells them. Python's standard library and git. Example: ``python3 docker/prepare.py``
"""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "secrets"
STATE = HERE / "state"

USER_OF_IMAGES = 10001
"""``PNEUMO_UID`` in the Dockerfile: no container runs as root."""


def main() -> None:
    """Write what is missing; exit code 2 when root calls it and does not say that this is meant."""
    root = os.getuid() == 0
    if root and "--as-root" not in sys.argv:
        _refuse(
            f"root runs no container: --as-root gives what is made to user {USER_OF_IMAGES},"
            " under whose number they run; or call it as another user"
        )
    if shutil.which("git") is None:
        _refuse("git is not installed; tasks run in clones of what is committed")
    user = USER_OF_IMAGES if root else os.getuid()
    for folder in (FOLDER, STATE / "s3", STATE / "shared", STATE / "orthanc"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    FOLDER.chmod(0o700)
    made = _passwords()
    written = [name for name, text in _files(made).items() if _write(FOLDER / name, text)]
    renewed = _name_driver(FOLDER / "mlflow_auth.ini")
    deployed = _repositories(os.environ.get("PNEUMO_REPOSITORY") or str(HERE.parent))
    _write(HERE / ".env", f"PNEUMO_UID={user}\n")
    if root:
        _give_to(user)
    print(f"{FOLDER}: {len(written)} files written{renewed}")
    print("admin's passwords: admin_password for Airflow, mlflow_password for MLflow")
    print(f"{STATE / 'origin.git'}: {deployed}")
    if f"PNEUMO_UID={user}" not in (HERE / ".env").read_text().split():
        _refuse(
            f"{HERE / '.env'}: PNEUMO_UID is not {user}, whose the secrets are; remove the file"
        )


def _give_to(user: int) -> None:
    """Give a user what is made here, not what containers have put into ``s3`` and ``shared``."""
    made = [*FOLDER.iterdir(), *STATE.iterdir()]
    made += [path for name in ("origin.git", "runs.git") for path in (STATE / name).rglob("*")]
    for path in (FOLDER, STATE, *made):
        os.chown(path, user, user, follow_symlinks=False)


def _refuse(why: str) -> None:
    print(f"prepare.py: {why}", file=sys.stderr)
    raise SystemExit(2)


def _repositories(source: str) -> str:
    """What is deployed and where workers push, bare; returns what is said of the first.

    No container sees the checkout itself: beside it are secrets, and hooks that its owner runs.
    ``origin.git`` gets the commit of ``source``, a folder or an address. ``runs.git`` takes the
    branches ``runs/*``; compose.yaml lets workers write to its objects and those branches alone.
    """
    for name in ("origin.git", "runs.git"):
        _git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(STATE / name))
    for setting in ("receive.autogc", "gc.auto"):
        _git("--git-dir", str(STATE / "runs.git"), "config", setting, "0")
    (STATE / "runs.git/refs/heads/runs").mkdir(parents=True, exist_ok=True)
    origin = ("--git-dir", str(STATE / "origin.git"))
    fetched = _git(
        *origin, "fetch", "--quiet", "--force", "--no-write-fetch-head", source,
        "HEAD:refs/heads/main", must=False,
    )  # fmt: skip
    if fetched.returncode:
        return f"{source} has no commit to give; commit and call this again, or set PNEUMO_ORIGIN"
    return "at commit " + _git(*origin, "rev-parse", "--short", "main").stdout.strip()


def _git(*words: str, must: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run git, which refuses folders of another owner unless it is told of them."""
    known = [word for name in ("origin.git", "runs.git")
             for word in ("-c", f"safe.directory={STATE / name}")]  # fmt: skip
    return subprocess.run(
        ["git", *known, *words], cwd=HERE, check=must, capture_output=True, text=True
    )


def _passwords() -> dict[str, str]:
    """All passwords, made once: the file ``all.json`` is their only source."""
    path = FOLDER / "all.json"
    names = ("postgres", "airflow", "celery", "mlflow", "redis", "admin", "mlflow_admin", "s3")
    names += ("api", "flask", "pacs")
    made = {name: secrets.token_urlsafe(24) for name in names}
    made["jwt"] = secrets.token_urlsafe(64)
    made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    _write(path, json.dumps(made, indent=2) + "\n")
    known = json.loads(path.read_text())
    if "pacs" not in known:  # made before there was one
        known["pacs"] = made["pacs"]
        _put(path, json.dumps(known, indent=2) + "\n")
    return {"mlflow_admin": known["admin"], **known}  # one for both, where it was made so


def _files(made: dict[str, str]) -> dict[str, str]:
    """What each service reads, in the form that it reads."""
    key = "pneumo"
    return {
        "postgres_password": made["postgres"],
        "airflow_pgpass": _pgpass("airflow", made),
        "scheduler_pgpass": _pgpass("airflow", made) + _pgpass("celery", made),
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
            "database_uri = postgresql+psycopg2://mlflow@postgres/mlflow_auth\n"
            f"admin_username = admin\nadmin_password = {made['mlflow_admin']}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 60\n"
        ),
        "mlflow_password": made["mlflow_admin"] + "\n",
        "mlflow_flask": made["flask"],
        "mlflow_credentials": (
            "[mlflow]\nmlflow_tracking_username = admin\n"
            f"mlflow_tracking_password = {made['mlflow_admin']}\n"
        ),
        "s3_root": (
            f"ROOT_ACCESS_KEY={key}\nROOT_SECRET_KEY={made['s3']}\n"
            f"ROOT_ACCESS_KEY_ID={key}\nROOT_SECRET_ACCESS_KEY={made['s3']}\n"
        ),
        "pacs_credentials": f"pneumo:{made['pacs']}\n",
        "orthanc.json": json.dumps(
            {
                "Name": "pneumo",
                "StorageDirectory": "/var/lib/orthanc/db",
                "IndexDirectory": "/var/lib/orthanc/db",
                "RemoteAccessAllowed": True,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {"pneumo": made["pacs"]},
                "DicomServerEnabled": False,
                "Plugins": ["/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins"],
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            },
            indent=2,
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
    _put(path, text)
    return True


def _put(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


def _name_driver(path: Path) -> str:
    """Name the driver in an address that was written without one; returns what is said of it.

    SQLAlchemy 2.1 takes psycopg 3 where none is named, which no image has.
    """
    before = path.read_text(encoding="utf-8")
    after = re.sub("^(database_uri = postgresql)(?=:)", r"\1+psycopg2", before, flags=re.MULTILINE)
    if after == before:
        return ""
    _put(path, after)
    return f", the address in {path.name} renewed"


if __name__ == "__main__":
    main()
