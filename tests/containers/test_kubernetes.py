"""Kubernetes: manifests against its schema; values against the chart's, where a copy is at hand.

The chart's ``values.schema.json`` is in no Python package. PNEUMO_CHART_SCHEMA names a file.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.containers.files import COMPOSE, ROOT, stages, tool

FOLDER = ROOT / "docker/kubernetes"


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


@pytest.fixture(scope="module")
def worker() -> dict:
    return yaml.safe_load((FOLDER / "gpu-worker.yaml").read_text())["spec"]["template"]["spec"]


def test_the_gpu_worker_has_the_form_of_kubernetes_schema():
    command = [tool("kubernetes-validate"), "--strict", FOLDER / "gpu-worker.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_values_have_the_form_of_the_charts_schema(values):
    schema = os.environ.get("PNEUMO_CHART_SCHEMA", "")
    if not Path(schema).is_file():
        pytest.skip("PNEUMO_CHART_SCHEMA names no file: the chart's values.schema.json")
    command = [tool("check-jsonschema"), "--schemafile", schema, FOLDER / "values.yaml"]
    subprocess.run(command, check=True)


def test_the_queue_gpu_gets_a_gpu_and_one_training_at_a_time(worker, values):
    (container,) = worker["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    arguments = container["args"]
    assert arguments[arguments.index("--queues") + 1] == "gpu"
    assert arguments[arguments.index("--concurrency") + 1] == "1"
    assert values["workers"]["queue"] == values["config"]["operators"]["default_queue"] == "cpu"


def test_nothing_runs_as_root(worker, values):
    for context in (worker["securityContext"], values["securityContexts"]["pod"]):
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == values["uid"]
    assert f"ARG PNEUMO_UID={values['uid']}" in stages()["user"]


def test_nothing_is_open_to_the_world(values):
    assert values["apiServer"]["service"]["type"] == "ClusterIP"
    assert values["networkPolicies"]["enabled"] is True
    assert values["ingress"]["apiServer"]["enabled"] is False


def test_every_secret_that_is_named_is_made(worker, values):
    text = (FOLDER / "secrets.sh").read_text()
    made = set(re.findall(r"^make (\S+)", text, flags=re.MULTILINE))
    named = set(re.findall(r"pneumo-(?!secrets\b|worker)[a-z-]+", yaml.dump([worker, values])))
    assert named <= made
    files = set(re.findall(r"\$secrets/([a-z_]+)", text)) - {"metadata", "result_backend"}
    assert files <= set(yaml.safe_load(COMPOSE.read_text())["secrets"])


def test_airflow_is_told_the_same_as_by_compose(values):
    told = yaml.safe_load(COMPOSE.read_text())["x-environment"]
    for section, options in values["config"].items():
        for name, value in options.items():
            variable = f"AIRFLOW__{section}__{name}".upper()
            assert told[variable] == value, variable
    from importlib.metadata import version

    assert values["airflowVersion"] == version("apache-airflow")
