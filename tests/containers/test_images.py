"""The Python installations of the images, made by the Dockerfile's own lines in a clean folder.

No image is built here, since that needs a container engine: Debian's part is not tested.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree, which

import pytest

from tests.containers.files import ROOT, stages

EXTRAS = ("workflow", "cluster", "kubernetes", "pacs", "tensorflow", "cuda", "int8")

SOURCES = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "pneumo")


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """A temporary folder that goes at once: pytest would keep gigabytes of environments."""
    yield tmp_path
    rmtree(tmp_path / "venv", ignore_errors=True)


def install(target: str, folder: Path, *more: str) -> Path:
    """Run the RUN lines of the stage that makes ``target``'s environment; returns its ``bin``."""
    (copied,) = [line for line in stages()["installer"] if line.startswith("COPY pyproject")]
    assert set(copied.split()[1:-1]) | {"pneumo"} == set(SOURCES)
    source = folder / "src"
    source.mkdir(parents=True)
    for name in SOURCES:
        path = ROOT / name
        copytree(path, source / name) if path.is_dir() else (source / name).write_bytes(
            path.read_bytes()
        )
    (line,) = [line for line in stages()[f"{target}-environment"] if line.startswith("RUN ")]
    environment = {
        **os.environ, "UV_PROJECT_ENVIRONMENT": str(folder / "venv"),
        "UV_PYTHON_DOWNLOADS": "never", "PATH": f"{_uv().parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    environment.pop("VIRTUAL_ENV", None)
    sync, _, rest = line[4:].partition(" && ")
    line = f"{shlex.join([*shlex.split(sync), *more])} && {rest}".replace(
        "/opt/venv", f"{folder}/venv"
    )
    subprocess.run(["sh", "-c", line], cwd=source, env=environment, check=True)
    return folder / "venv/bin"


def _uv() -> Path:
    found = which("uv", path=f"{os.environ['PATH']}{os.pathsep}{ROOT}/.uv/bin")
    assert found
    return Path(found)


def _installed(programs: Path) -> set[str]:
    """Names of the installed distributions."""
    code = "import importlib.metadata as m; print(*{d.name.lower() for d in m.distributions()})"
    command = [programs / "python", "-c", code]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_installer_has_the_uv_that_made_the_lock_file():
    (line,) = [line for line in stages()["installer"] if "uv==" in line]
    ours = subprocess.run([_uv(), "--version"], capture_output=True, text=True, check=True).stdout
    pinned = re.search(r"uv==(\d+\.\d+)", line)
    assert pinned
    assert ours.split()[1].startswith(pinned[1])


def test_a_base_without_a_digest_is_refused_unless_that_is_said(tmp_path):
    (line,) = [line[4:] for line in stages()["base"] if line.startswith("RUN ")]
    for digest, unpinned, status in [("", "no", 1), ("", "yes", 0), ("sha256:1", "no", 0)]:
        given = {"PYTHON_DIGEST": digest, "UNPINNED": unpinned, "PATH": os.environ["PATH"]}
        done = subprocess.run(["sh", "-c", line], env=given, capture_output=True, text=True)
        assert done.returncode == status
        assert ("PYTHON_DIGEST is missing" in done.stdout) == (status == 1)


@pytest.mark.parametrize("target", ["orchestrator", "worker", "worker-gpu", "scorer", "mlflow"])
def test_an_environment_is_compiled_and_nobody_else_can_write_to_it(target, folder):
    """The Dockerfile's settings and lines, with a project of one module for pneumo's."""
    (line,) = [line for line in stages()["installer"] if line.startswith("ENV ")]
    settings = dict(word.split("=", 1) for word in shlex.split(line[4:]))
    with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "WORD = 1\n")
        wheel.writestr(
            "tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n"
        )
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    extras = "".join(f'{name} = ["tiny"]\n' for name in EXTRAS)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "any"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f'[project.optional-dependencies]\n{extras}[dependency-groups]\nmlflow = ["tiny"]\n'
        "[tool.uv]\npackage = false\n"
        '[tool.uv.sources]\ntiny = {path = "tiny-1-py3-none-any.whl"}\n'
    )
    environment = {**os.environ, **settings, "UV_PROJECT_ENVIRONMENT": str(folder / "venv"),
                   "PATH": f"{_uv().parent}{os.pathsep}{os.environ['PATH']}"}  # fmt: skip
    environment.pop("VIRTUAL_ENV", None)
    (run,) = [line[4:] for line in stages()[f"{target}-environment"] if line.startswith("RUN ")]
    for command in ("uv lock --quiet --offline", run.replace("/opt/venv", f"{folder}/venv")):
        subprocess.run(["sh", "-c", command], cwd=folder, env=environment, check=True)
    (module,) = (folder / "venv").rglob("tiny.py")
    assert list(module.parent.glob("__pycache__/tiny.*.pyc"))
    assert not [path for path in (folder / "venv").rglob("*") if _others_write(path)]


def _others_write(path: Path) -> bool:
    return not path.is_symlink() and bool(path.stat().st_mode & 0o002)


@pytest.mark.slow
def test_the_orchestrator_schedules_without_tensorflow(folder):
    programs = install("orchestrator", folder)
    there = _installed(programs)
    assert {"apache-airflow", "apache-airflow-providers-celery", "dvc", "psycopg2-binary"} <= there
    assert not there & {"tensorflow", "jax", "openvino", "pytest", "ruff"}
    code = (
        "from airflow.dag_processing.dagbag import DagBag; "
        f"bag = DagBag({str(ROOT / 'dags')!r}); "
        "print(bag.import_errors, *sorted(bag.dag_ids))"
    )
    environment = {
        **os.environ, "AIRFLOW_HOME": str(folder / "airflow"), "PNEUMO_EXCHANGE": "clones",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor", "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    migrate = [programs / "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [programs / "python", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout.splitlines()[-1]
    assert said == (
        "{} pneumonia_monitor pneumonia_pacs pneumonia_score pneumonia_train pneumonia_validate"
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_worker_computes(folder):
    programs = install("worker", folder)
    code = "import tensorflow, keras, openvino, pneumo.scoring.score, pneumo.stages.train"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([programs / "python", "-c", code], env=environment, check=True)
    for words in (["pneumo", "--help"], ["dvc", "--version"], ["celery", "--version"]):
        command = [programs / words[0], *words[1:]]
        subprocess.run(command, env=environment, check=True, capture_output=True)


@pytest.mark.slow
def test_a_scorer_scores_with_a_registered_ensemble_and_has_no_tensorflow(
    folder, package_folder, demo_root
):
    programs = install("scorer", folder)
    assert not _installed(programs) & {"tensorflow", "jax", "torch", "great-expectations"}
    (folder / "params.yaml").write_bytes((ROOT / "recipes/demo.yaml").read_bytes())
    inbox = demo_root / "stage_2_train_images"
    words = ["score", inbox, "out", "--model", package_folder, "--json"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        [programs / "pneumo", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert (said["files"], said["scored"], said["precisions"]) == (36, 36, {"openvino float32": 36})
    celery = "import airflow.providers.celery.executors.celery_executor, mlflow, dvc"
    subprocess.run([programs / "python", "-c", celery], env=environment, check=True)


def test_a_gpu_worker_gets_tensorflow_with_cuda(folder):
    install("worker-gpu", folder, "--dry-run")  # 3 GB: resolved, not downloaded
    lines = " ".join(stages()["worker-gpu-environment"])
    assert lines == " ".join(stages()["worker-environment"]).replace("tensorflow", "cuda")


@pytest.mark.slow
def test_the_mlflow_server_asks_who_is_there(folder):
    programs = install("mlflow", folder)
    there = _installed(programs)
    assert {"mlflow", "psycopg2-binary", "boto3"} <= there
    assert not there & {"pneumo", "tensorflow", "keras", "apache-airflow"}
    (line,) = [line[4:] for line in stages()["mlflow"] if line.startswith("CMD ")]
    words = re.findall(r'"([^"]*)"', line)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    login = folder / "auth.ini"
    login.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder}/users.db\nadmin_username = admin\n"
        "admin_password = a-long-enough-password\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {
        "HOME": str(folder), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_HOST": "127.0.0.1", "MLFLOW_PORT": str(port),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_AUTH_CONFIG_PATH": str(login), "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # fmt: skip
    server = subprocess.Popen(words, env=environment, cwd=folder, start_new_session=True)
    try:
        assert _answer(f"http://127.0.0.1:{port}/health", 240) == 200
        assert (
            _answer(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0")
            == 401
        )
    finally:
        server.terminate()
        server.wait(60)


def _answer(url: str, patience_s: float = 1) -> int:
    """The status of a server's answer, once it gives one."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
