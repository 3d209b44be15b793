"""Kubernetes: values against a table of the chart's keys, what they mean, manifests' form.

The chart itself is in no Python package: PNEUMO_CHART_SCHEMA names its ``values.schema.json``.
"""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.containers.chart import faults
from tests.containers.files import COMPOSE, ROOT, stages, tool

FOLDER = ROOT / "docker/kubernetes"
OVERLAY = "values-kubernetes-executor.yaml"

OPTIONS = """
import json
from airflow.configuration import conf
sections = conf.configuration_description
print("RESULT", json.dumps({name: list(about["options"]) for name, about in sections.items()}))
"""


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


@pytest.fixture(scope="module")
def worker() -> dict:
    return yaml.safe_load((FOLDER / "gpu-worker.yaml").read_text())["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", ["values.yaml", OVERLAY])
def test_every_value_is_one_of_the_charts_and_has_its_type(name):
    assert list(faults(yaml.safe_load((FOLDER / name).read_text()))) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"workers": {"queue": "cpu"}}, "workers.queue: unknown"),
        ({"workers": {"celery": {"persistance": {}}}}, "workers.celery.persistance: unknown"),
        ({"securityContexts": {"container": {}}}, "securityContexts.container: unknown"),
        ({"uid": "10001"}, "uid: has another type"),
        ({"redis": False}, "redis: unknown"),  # a switch where the chart has a section
        ({"config": {"core": {"load_examples": False}}}, "config: has another type"),
        ({"dagProcessor": {"env": {"A": "1"}}}, "dagProcessor.env: has another type"),
    ],
)
def test_a_value_in_a_wrong_place_is_found(change, fault):
    (found,) = faults(change)
    assert found.startswith(fault)


@pytest.mark.parametrize("name", ["values.yaml", OVERLAY])
def test_the_values_have_the_form_of_the_charts_schema(name):
    schema = os.environ.get("PNEUMO_CHART_SCHEMA", "")
    if not Path(schema).is_file():
        pytest.skip("PNEUMO_CHART_SCHEMA names no file: the chart's values.schema.json")
    command = [tool("check-jsonschema"), "--schemafile", schema, FOLDER / name]
    subprocess.run(command, check=True)


def test_every_setting_is_one_of_airflows(values, tmp_path):
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-c", OPTIONS]
    printed = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    known = json.loads(printed.stdout.rpartition("RESULT ")[2])
    for section, options in values["config"].items():
        assert set(options) <= set(known[section]), section


@pytest.mark.parametrize(
    "name", ["gpu-worker.yaml", "claims.yaml", "pod-template.yaml", "pod-template-gpu.yaml"]
)
def test_a_manifest_has_the_form_of_kubernetes_schema(name):
    command = [tool("kubernetes-validate"), "--strict", FOLDER / name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_chart_puts_into_pods_unseen_has_kubernetes_form(values, tmp_path):
    parts = [values["workers"]["celery"], values["apiServer"], values["scheduler"]]
    overlay = yaml.safe_load((FOLDER / OVERLAY).read_text())
    parts += [overlay["scheduler"], values["dagProcessor"]]
    names = [str(number) for number in range(len(parts))]
    pod = {
        "securityContext": values["securityContexts"]["pod"],
        "volumes": values["volumes"] + [v for part in parts for v in part.get("extraVolumes", [])],
        "containers": [
            {
                "name": f"part-{name}",
                "image": "registry.example/any",
                "securityContext": values["securityContexts"]["containers"],
                "resources": part.get("resources", {}),
                "volumeMounts": values["volumeMounts"] + part.get("extraVolumeMounts", []),
            }
            for name, part in zip(names, parts, strict=True)
        ],
    }
    worker = {
        "serviceName": "any",
        "selector": {"matchLabels": {"any": "any"}},
        "template": {"metadata": {"labels": {"any": "any"}}, "spec": pod},
        "volumeClaimTemplates": values["workers"]["celery"]["volumeClaimTemplates"],
    }
    ingress = {
        "podSelector": {},
        "ingress": [{"from": values["apiServer"]["networkPolicy"]["ingress"]["from"]}],
    }
    made = [
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}, "spec": worker},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "b"},
            "spec": ingress,
        },
    ]
    (tmp_path / "made.yaml").write_text(yaml.safe_dump_all(made))
    command = [tool("kubernetes-validate"), "--strict", tmp_path / "made.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_process_has_a_probe_that_the_image_can_run(values):
    text = (ROOT / "docker/Dockerfile").read_text()
    assert "/entrypoint" not in text
    assert "clean-logs" not in text  # what the chart calls, of Airflow's own image
    probes = [values["workers"]["celery"]["livenessProbe"], values["scheduler"]["startupProbe"]]
    probes += [values[name]["livenessProbe"] for name in ("scheduler", "dagProcessor")]
    assert all("entrypoint" not in " ".join(probe["command"]) for probe in probes)
    for part in (values["workers"]["celery"], values["scheduler"], values["dagProcessor"]):
        assert part["logGroomerSidecar"]["enabled"] is False
    scheduler = " ".join(values["scheduler"]["livenessProbe"]["command"])
    assert "127.0.0.1:8974" in scheduler
    assert values["config"]["scheduler"]["enable_health_check"] == "True"


def test_workers_work_as_their_images_do(values, worker):
    def command(target: str) -> list[str]:
        (line,) = [line for line in stages()[target] if line.startswith("CMD ")]
        return json.loads(line[4:])

    assert values["workers"]["celery"]["args"] == command("worker")
    (container,) = worker["containers"]
    assert container["args"] == command("worker-gpu")


def test_the_queue_gpu_gets_a_gpu_and_one_training_at_a_time(worker, values):
    (container,) = worker["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    arguments = container["args"]
    assert arguments[arguments.index("--queues") + 1] == "gpu"
    assert arguments[arguments.index("--concurrency") + 1] == "1"
    cpu = values["workers"]["celery"]
    assert cpu["queue"] == values["config"]["operators"]["default_queue"] == "cpu"
    assert cpu["args"][cpu["args"].index("--queues") + 1] == "cpu"


def test_what_a_worker_goes_on_from_outlives_its_pod(values):
    cpu = values["workers"]["celery"]
    assert cpu["persistence"]["enabled"] is True  # else the chart makes no StatefulSet
    (claim,) = cpu["volumeClaimTemplates"]
    mounts = {mount["mountPath"]: mount["name"] for mount in values["volumeMounts"]}
    assert mounts["/srv/pneumo"] == claim["metadata"]["name"]


def test_nothing_runs_as_root(worker, values):
    for context in (worker["securityContext"], values["securityContexts"]["pod"]):
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == values["uid"]
    assert f"ARG PNEUMO_UID={values['uid']}" in stages()["user"]


def test_nothing_is_open_to_the_world_but_tasks_reach_the_api_server(values):
    assert values["apiServer"]["service"]["type"] == "ClusterIP"
    assert values["networkPolicies"]["enabled"] is True
    assert values["ingress"]["apiServer"]["enabled"] is False
    (peer,) = values["apiServer"]["networkPolicy"]["ingress"]["from"]
    assert peer["podSelector"]["matchLabels"] == {"tier": "airflow", "release": "airflow"}
    for name in ("gpu-worker.yaml", "pod-template.yaml", "pod-template-gpu.yaml"):
        manifest = yaml.safe_load((FOLDER / name).read_text())
        labels = manifest["spec"].get("template", manifest)["metadata"]["labels"]
        assert peer["podSelector"]["matchLabels"].items() <= labels.items(), name
        assert labels["component"] not in ("worker", "scheduler", "api-server")  # the chart's own


def test_every_secret_that_is_named_is_made(worker, values):
    text = (FOLDER / "secrets.sh").read_text()
    made = set(re.findall(r"^make (\S+)", text, flags=re.MULTILINE))
    claims = yaml.safe_load_all((FOLDER / "claims.yaml").read_text())
    others = {"pneumo-worker", "pneumo-secrets", *(c["metadata"]["name"] for c in claims)}
    named = set(re.findall(r"pneumo-[a-z-]+", yaml.dump([worker, values])))
    assert named - others - {"pneumo-worker-gpu"} <= made
    files = set(re.findall(r"\$secrets/([a-z_]+)", text)) - {"metadata", "result_backend"}
    assert files <= set(yaml.safe_load(COMPOSE.read_text())["secrets"])


def test_airflow_is_told_the_same_as_by_compose(values):
    told = yaml.safe_load(COMPOSE.read_text())["x-environment"]
    for section, options in values["config"].items():
        for name, value in options.items():
            variable = f"AIRFLOW__{section}__{name}".upper()
            expected = told[variable].replace("//api-server:", "//airflow-api-server:")
            assert value == expected, variable
    assert values["airflowVersion"] == version("apache-airflow")
