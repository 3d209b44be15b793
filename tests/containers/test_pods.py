"""Pods of the KubernetesExecutor: templates, their volumes, and what the executor makes of them."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
import yaml

from tests.containers.files import KUBERNETES, OVERLAY, ROOT, stages

TEMPLATES = ("pod-template.yaml", "pod-template-gpu.yaml")

VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")

CONSTRUCT = """
import json, sys
from airflow.providers.cncf.kubernetes.kube_config import KubeConfig
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

pod = PodGenerator.construct_pod(
    namespace="pneumo", scheduler_job_id="1", pod_id="score", dag_id="pneumonia_score",
    task_id="score", map_index=int(sys.argv[2]), try_number=1, date=None, run_id="manual",
    args=["work"],
    kube_image=KubeConfig().kube_image,
    pod_override_object=PodGenerator.from_obj({"pod_template_file": sys.argv[1]}),
    base_worker_pod=PodGenerator.deserialize_model_file(sys.argv[1]),
)
print("RESULT", json.dumps(PodGenerator.serialize_pod(pod)))
"""


def _pod(name: str) -> dict:
    return yaml.safe_load((KUBERNETES / name).read_text())["spec"]


def _environment(container: dict, annotations: dict[str, str]) -> dict[str, str]:
    """Variables as kubelet sets them, in order: a value may name those before it.

    An annotation that is missing is an empty variable.
    """
    known: dict[str, str] = {}
    for entry in container["env"]:
        if "valueFrom" in entry:
            path = entry["valueFrom"]["fieldRef"]["fieldPath"].split("'")
            value = annotations.get(path[1], "")
        else:
            value = VARIABLE.sub(lambda found: known.get(found[1], found[0]), entry["value"])
        known[entry["name"]] = value
    return known


def _sub_path(expression: str, known: dict[str, str]) -> str:
    """What kubelet makes of a ``subPathExpr``. ValueError for a missing or empty variable."""
    for name in VARIABLE.findall(expression):
        if not known.get(name):
            raise ValueError(f"missing value for {name}")
    return VARIABLE.sub(lambda found: known[found[1]], expression)


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((KUBERNETES / "values.yaml").read_text())


@pytest.fixture(scope="module")
def overlay() -> dict:
    return yaml.safe_load((KUBERNETES / OVERLAY).read_text())


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request) -> dict:
    return _pod(request.param)


def test_a_task_runs_without_root_and_without_privileges(template, values):
    context, (container,) = template["securityContext"], template["containers"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["fsGroup"] == values["uid"]
    assert f"ARG PNEUMO_UID={values['uid']}" in stages()["user"]
    assert container["securityContext"] == values["securityContexts"]["containers"]
    assert template["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(template)


def test_a_task_knows_no_secret_of_airflow_and_no_database(template, values):
    (container,) = template["containers"]
    assert container["name"] == "base"  # the executor's name for the container of the task
    told = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert values["env"] == [
        entry for entry in container["env"] if entry["name"] in {e["name"] for e in values["env"]}
    ]
    assert not [name for name in told if name.endswith(("KEY", "SECRET", "CONN", "BACKEND"))]
    secrets = [v["secret"]["secretName"] for v in template["volumes"] if "secret" in v]
    assert secrets == ["pneumo-files"]


def test_what_a_retry_goes_on_from_is_on_a_volume_with_a_folder_per_task(template):
    claims = yaml.safe_load_all((KUBERNETES / "claims.yaml").read_text())
    modes = {claim["metadata"]["name"]: claim["spec"]["accessModes"] for claim in claims}
    (container,) = template["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in template["volumes"]}
    assert {mount["name"] for mount in mounts.values()} == set(volumes)
    for path in ("/srv/pneumo", "/srv/shared"):
        claim = volumes[mounts[path]["name"]]["persistentVolumeClaim"]["claimName"]
        assert modes[claim] == ["ReadWriteMany"]


@pytest.mark.parametrize(
    ("part", "folder"),
    [({"map_index": "3"}, "pneumonia_score/score-3"), ({}, "pneumonia_score/score-")],
)  # the executor leaves out map_index of a task that has no parts
def test_every_task_has_a_folder_of_its_own(template, part, folder):
    (container,) = template["containers"]
    annotations = {"dag_id": "pneumonia_score", "task_id": "score", **part}
    (mount,) = [m for m in container["volumeMounts"] if "subPathExpr" in m]
    assert mount["mountPath"] == "/srv/pneumo"
    assert _sub_path(mount["subPathExpr"], _environment(container, annotations)) == folder


def test_a_folder_named_by_an_empty_variable_is_refused():
    for environment in ({}, {"PART": ""}):
        with pytest.raises(ValueError, match="missing value for PART"):
            _sub_path("task-$(PART)", environment)


def test_what_is_made_once_outlives_the_pod(template):
    (container,) = template["containers"]
    cache = _environment(container, {})["XDG_CACHE_HOME"]
    (mount,) = [m for m in container["volumeMounts"] if cache.startswith(f"{m['mountPath']}/")]
    (volume,) = [v for v in template["volumes"] if v["name"] == mount["name"]]
    assert volume["persistentVolumeClaim"] == {"claimName": "pneumo-shared"}


def test_trainings_differ_from_other_tasks_in_image_size_and_gpu_alone(values):
    cpu, gpu = (_pod(name) for name in TEMPLATES)
    worker = yaml.safe_load((KUBERNETES / "gpu-worker.yaml").read_text())["spec"]["template"][
        "spec"
    ]
    images = values["images"]["airflow"]
    assert cpu["containers"][0].pop("image") == f"{images['repository']}:{images['tag']}"
    assert gpu["containers"][0].pop("image") == worker["containers"][0]["image"]
    assert cpu["containers"][0].pop("resources") == values["workers"]["celery"]["resources"]
    resources = gpu["containers"][0].pop("resources")
    assert resources == worker["containers"][0]["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == "1"
    assert gpu.pop("tolerations") == worker["tolerations"]
    assert gpu == cpu


def test_scheduler_and_dags_name_the_templates_that_are_mounted(overlay):
    (volume,), (mount,) = (
        overlay["scheduler"][name] for name in ("extraVolumes", "extraVolumeMounts")
    )
    assert volume["name"] == mount["name"]
    said = (KUBERNETES / OVERLAY).read_text()
    assert f"create configmap {volume['configMap']['name']} " in said
    (variable,) = overlay["dagProcessor"]["env"]
    assert variable["name"] == "PNEUMO_GPU_POD"
    named = (overlay["config"]["kubernetes_executor"]["pod_template_file"], variable["value"])
    assert named == tuple(f"{mount['mountPath']}/{name}" for name in TEMPLATES)
    assert all(f"--from-file=docker/kubernetes/{name}" in said for name in TEMPLATES)
    assert overlay["executor"] == "KubernetesExecutor"


@pytest.mark.parametrize(("part", "folder"), [(3, "score-3"), (-1, "score-")])
@pytest.mark.parametrize("name", TEMPLATES)
def test_the_executor_keeps_image_and_volumes_and_says_which_task_it_is(
    name, part, folder, overlay, tmp_path
):
    if find_spec("kubernetes") is None:
        pytest.skip("the extra `kubernetes` is not installed")
    told = overlay["config"]["kubernetes_executor"]
    environment = {f"AIRFLOW__KUBERNETES_EXECUTOR__{key.upper()}": told[key] for key in told}
    done = subprocess.run(
        [sys.executable, "-c", CONSTRUCT, KUBERNETES / name, str(part)], cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pod = json.loads(done.stdout.rpartition("RESULT ")[2])
    (container,), (given,) = pod["spec"]["containers"], _pod(name)["containers"]
    assert container["image"] == given["image"]
    assert container["volumeMounts"] == given["volumeMounts"]
    assert container["resources"] == given["resources"]
    known = _environment(container, pod["metadata"]["annotations"])
    assert _sub_path("$(PLACE)", known) == f"pneumonia_score/{folder}"
