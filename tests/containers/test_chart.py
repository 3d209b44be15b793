"""The form of what Kubernetes and Airflow's chart are given: keys, types, options, manifests.

The chart itself is in no Python package: PNEUMO_CHART_SCHEMA names its ``values.schema.json``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.containers.chart import faults
from tests.containers.files import KUBERNETES, OVERLAY, tool

OPTIONS = """
import json
from airflow.configuration import conf
sections = conf.configuration_description
print("RESULT", json.dumps({name: list(about["options"]) for name, about in sections.items()}))
"""


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((KUBERNETES / "values.yaml").read_text())


@pytest.mark.parametrize("name", ["values.yaml", OVERLAY])
def test_every_value_is_one_of_the_charts_and_has_its_type(name):
    assert list(faults(yaml.safe_load((KUBERNETES / name).read_text()))) == []


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
    command = [tool("check-jsonschema"), "--schemafile", schema, KUBERNETES / name]
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
    command = [tool("kubernetes-validate"), "--strict", KUBERNETES / name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_chart_puts_into_pods_unseen_has_kubernetes_form(values, tmp_path):
    parts = [values["workers"]["celery"], values["apiServer"], values["scheduler"]]
    overlay = yaml.safe_load((KUBERNETES / OVERLAY).read_text())
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
