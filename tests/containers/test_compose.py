import json
import re
import stat
import subprocess
import sys
from shutil import copyfile

import pytest
import yaml

from pneumo import workflow
from pneumo.pacs.peers import Site
from tests.containers.files import COMPOSE, DOCKERFILE, ROOT, services, stages, tool

TARGETS = {"orchestrator", "worker", "worker-gpu", "scorer", "mlflow"}


@pytest.fixture(scope="module")
def resolved(tmp_path_factory) -> dict:
    return services(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docker")
    copyfile(ROOT / "docker/prepare.py", folder / "prepare.py")
    command = [sys.executable, folder / "prepare.py", "--as-root"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return folder, command, printed


def test_compose_has_the_form_of_the_specification():
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE]
    subprocess.run(command, check=True)


def test_what_the_dockerfile_asks_for_can_be_said_to_compose(tmp_path):
    asked = {"PYTHON_IMAGE": "registry.example/python:3.11", "PYTHON_DIGEST": "sha256:1",
             "UNPINNED": "yes", "PNEUMO_UID": "1234", "PNEUMO_COMMIT": "0123abc"}  # fmt: skip
    arguments = re.findall(r"^ARG (\w+)=?(.*)$", DOCKERFILE.read_text(), flags=re.MULTILINE)
    assert {name for name, _ in arguments} == set(asked)
    defaults = {name: value for name, value in arguments if value}
    for given, expected in ((asked, asked), ({}, {"PYTHON_DIGEST": "", **defaults})):
        for name, about in services(tmp_path, **given).items():
            if "build" in about:
                assert about["build"]["args"] == expected, name


def test_hadolint_finds_nothing():
    subprocess.run([tool("hadolint"), DOCKERFILE], check=True)


def test_every_port_is_on_loopback(resolved):
    ports = [port for service in resolved.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert len(ports) == 3


def test_ports_can_be_chosen(tmp_path):
    found = services(
        tmp_path, PNEUMO_AIRFLOW_PORT="8090", PNEUMO_MLFLOW_PORT="5050", PNEUMO_ORTHANC_PORT="8050"
    )
    assert found["api-server"]["ports"][0]["published"] == "8090"
    assert found["mlflow"]["ports"][0]["published"] == "5050"
    assert found["orthanc"]["ports"][0]["published"] == "8050"
    assert (
        services(tmp_path, PNEUMO_ORTHANC_PORT="8050")["orthanc"]["ports"][0]["published"] == "8050"
    )
    assert "127.0.0.1:5050" in found["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]


def test_stores_and_brokers_are_in_networks_that_lead_nowhere(resolved):
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    inner = {name for name, about in networks.items() if about.get("internal")}
    for name in (
        "postgres",
        "redis",
        "s3",
        "worker",
        "worker-gpu",
        "worker-pacs",
        "scorer",
        "scheduler",
        "dag-processor",
    ):
        assert set(resolved[name]["networks"]) <= inner, name


def test_the_images_are_targets_of_the_dockerfile(resolved):
    built = {about["build"]["target"] for about in resolved.values() if "build" in about}
    assert built == TARGETS <= set(stages())


def test_every_long_running_service_says_whether_it_is_well(resolved):
    for name, about in resolved.items():
        once = about.get("restart") == "no"
        target = about.get("build", {}).get("target")
        checked = "test" in about.get("healthcheck", {}) or any(
            line.startswith("HEALTHCHECK") for line in stages().get(target, [])
        )
        assert once or checked, name


def test_what_is_built_here_runs_without_root_and_without_privileges(resolved):
    for name in TARGETS:
        assert "USER ${PNEUMO_UID}" in stages()[name] + stages()["machine"]
    for name, about in resolved.items():
        assert "no-new-privileges:true" in about["security_opt"], name
        if "build" in about or name == "s3":
            assert about["cap_drop"] == ["ALL"], name


def test_trainings_have_the_queue_of_the_gpu(resolved):
    command = resolved["worker-gpu"]["command"]
    assert command[command.index("--queues") + 1] == "gpu"
    (device,) = resolved["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert (
        "cpu" in resolved["worker"]["command"][resolved["worker"]["command"].index("--queues") + 1]
    )


def test_the_round_trip_has_one_worker_whose_peers_can_be_read(resolved):
    about = resolved["worker-pacs"]
    assert about["command"][about["command"].index("--queues") + 1] == workflow.PACS_QUEUE
    assert about["command"][about["command"].index("--concurrency") + 1] == "1"
    assert about["environment"]["PNEUMO_PACS"] == "/srv/pacs.yaml"
    raw = yaml.safe_load((ROOT / "docker/pacs.yaml").read_text())
    (peer,) = raw["peers"].values()
    assert peer.pop("credentials") == "/run/secrets/pacs_credentials"
    site = Site.model_validate(raw)
    assert site.folder.startswith("/srv/shared/")


def test_a_worker_knows_no_password_of_other_databases_than_celerys(resolved):
    for name in ("worker", "worker-gpu", "worker-pacs", "scorer"):
        assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in resolved[name]["environment"]
        sources = {secret["source"] for secret in resolved[name]["secrets"]}
        assert not sources & {"airflow_pgpass", "mlflow_pgpass", "setup_pgpass", "roles.json"}


def test_no_secret_is_in_the_compose_file_or_its_environment(resolved, prepared):
    folder = prepared[0]
    made = json.loads((folder / "secrets/all.json").read_text()).values()
    text = json.dumps(resolved)
    assert not any(secret in text for secret in made)
    for service in resolved.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN", name):
                assert value.startswith(("cat /run/secrets/", "/")), name


def test_every_secret_is_made_private_and_never_printed(prepared, resolved):
    folder, _, printed = prepared
    files = {path.name: path for path in (folder / "secrets").iterdir()}
    for path in files.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    wanted = {s["source"] for about in resolved.values() for s in about.get("secrets", [])}
    assert wanted <= set(files)
    made = json.loads(files["all.json"].read_text()).values()
    assert len(set(made)) == len(made)
    assert all(len(secret) >= 32 for secret in made)
    assert not any(secret in printed for secret in made)


def test_secrets_that_are_there_stay(prepared):
    folder, command, _ = prepared
    before = {path.name: path.read_bytes() for path in (folder / "secrets").iterdir()}
    (folder / "secrets/broker").unlink()
    subprocess.run(command, check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in (folder / "secrets").iterdir()} == before


def test_git_ignores_what_is_secret():
    for name in ("docker/secrets/all.json", "docker/.env", "docker/state/s3/mlflow"):
        subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=True)
