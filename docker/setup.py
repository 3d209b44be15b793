"""Roles, databases and buckets of a new cluster; what is there already stays as it is.

``roles.json`` names the roles and their passwords. Airflow, MLflow and Celery's results have a role
and a database each, so a worker, which knows Celery's alone, cannot open those of the others.
Run by the service ``setup`` of compose.yaml, or by hand with PGHOST, PGUSER and AWS_ENDPOINT_URL.
"""

import json
import os
import sys
from pathlib import Path

import boto3
import psycopg2
from psycopg2 import sql

DATABASES = {"airflow": "airflow", "celery": "celery", "mlflow": "mlflow", "mlflow_auth": "mlflow"}
BUCKETS = ("mlflow", "dvc")


def main() -> None:
    """Make what is missing, and say what was made."""
    roles = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    made = make_databases(roles) + make_buckets()
    print("made:", ", ".join(made) or "nothing, all was there")


def make_databases(roles: dict[str, str]) -> list[str]:
    """A role per name with its password, and the databases that they own."""
    connection = psycopg2.connect(dbname="postgres")
    connection.autocommit = True
    made = []
    with connection.cursor() as cursor:
        for role, password in roles.items():
            if not _known(cursor, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                cursor.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
                made.append(f"role {role}")
        for database, owner in DATABASES.items():
            if not _known(cursor, "SELECT 1 FROM pg_database WHERE datname = %s", database):
                name = sql.Identifier(database)
                owned = sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner))
                cursor.execute(owned)
                cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
                made.append(f"database {database}")
    connection.close()
    return made


def make_buckets() -> list[str]:
    """The buckets of MLflow's artifacts and of DVC."""
    store = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    there = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
    missing = [name for name in BUCKETS if name not in there]
    for name in missing:
        store.create_bucket(Bucket=name)
    return [f"bucket {name}" for name in missing]


def _known(cursor: "psycopg2.extensions.cursor", question: str, name: str) -> bool:
    cursor.execute(question, (name,))
    return cursor.fetchone() is not None


if __name__ == "__main__":
    main()
