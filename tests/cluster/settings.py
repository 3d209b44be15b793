"""What Airflow and MLflow are told in a cluster."""

import configparser
import io
from pathlib import Path
from string import Template

from pneumo import workflow
from pneumo.base.files import write_text
from pneumo.servers import config, environment
from tests.cluster.layout import Layout


def write(layout: Layout) -> None:
    """Write the settings of the scheduler's and of every worker's Airflow, and MLflow's login."""
    config.write(layout.config)
    _write_airflow(layout, layout.home / "airflow", layout.config.workspace)
    for queue, checkout in layout.workers.items():
        _write_airflow(layout, airflow_home(layout, f"worker-{queue}"), checkout)
    login = layout.home / "mlflow" / "auth.ini"
    embedded = f"sqlite:///{layout.home}/mlflow/users.db".replace("%", "%%")
    text = login.read_text(encoding="utf-8").replace(embedded, layout.database("mlflow_auth"))
    write_text(login, text, mode=0o600)


def airflow_home(layout: Layout, name: str) -> Path:
    """The folder of a part's settings and logs: a worker has its own."""
    workers = {f"worker-{queue}" for queue in layout.workers}
    return layout.home / (name if name in workers else ".") / "airflow"


def of_part(layout: Layout, name: str) -> dict[str, str]:
    """The environment of one part, and of every task that it will start."""
    here = environment.of_servers(layout.config, name)
    own = layout.home / name / "cache"
    return here | {
        "AIRFLOW_HOME": str(airflow_home(layout, name)),
        "AWS_SHARED_CREDENTIALS_FILE": str(layout.home / "aws"),
        "AWS_CONFIG_FILE": str(layout.home / "aws-config"),
        "MLFLOW_S3_ENDPOINT_URL": layout.s3_url,
        "PGPASSFILE": str(layout.pgpass),
        "XDG_CACHE_HOME": str(own),
        "DVC_SITE_CACHE_DIR": str(own / "dvc"),
        workflow.EXCHANGE: "clones",
    }


def _write_airflow(layout: Layout, home: Path, checkout: Path) -> None:
    """The settings of one machine, with what a cluster changes in them."""
    merged = configparser.RawConfigParser()
    merged.read(layout.home / "airflow" / "airflow.cfg", encoding="utf-8")
    merged.read_string(_changes(layout))
    merged["core"]["dags_folder"] = str(checkout / "dags").replace("%", "%%")
    for section, option, place in _PLACES:
        merged[section][option] = str(home / place).replace("%", "%%")
    text = io.StringIO()
    merged.write(text)
    write_text(home / "airflow.cfg", text.getvalue(), mode=0o600)


def _changes(layout: Layout) -> str:
    values = {
        "database": layout.database("airflow"),
        "redis_secret": layout.secrets["redis"],
        "redis_port": str(layout.ports["redis"]),
    }
    template = Path(__file__).with_name("airflow-cluster.cfg").read_text(encoding="utf-8")
    return Template(template).substitute(values)


_PLACES = (
    ("logging", "base_log_folder", "logs"),
    ("logging", "dag_processor_child_process_log_directory", "logs/dag_processor"),
    ("dag_processor", "dag_bundle_storage_path", "bundles"),
)
