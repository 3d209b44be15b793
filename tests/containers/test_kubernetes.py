"""Kubernetes: what the values and the workers beside the chart mean."""

import json
import re
from importlib.metadata import version

import pytest
import yaml

from tests.containers.files import COMPOSE, KUBERNETES, ROOT, stages

SHARED = {"name": "shared", "persistentVolumeClaim": {"claimName": "pneumo-shared"}}


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((KUBERNETES / "values.yaml").read_text())


@pytest.fixture(scope="module")
def worker() -> dict:
    return yaml.safe_load((KUBERNETES / "gpu-worker.yaml").read_text())["spec"]["template"]["spec"]


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


def test_scorers_are_the_gpu_workers_without_gpu_and_take_the_queue_that_compose_names(worker):
    scorer = yaml.safe_load((KUBERNETES / "scorer.yaml").read_text())["spec"]["template"]["spec"]
    (ours,), (theirs,) = scorer.pop("containers"), worker["containers"]
    assert scorer == {k: v for k, v in worker.items() if k not in ("containers", "tolerations")}
    own = ("image", "args", "resources")
    assert {k: v for k, v in ours.items() if k not in own} == {
        k: v for k, v in theirs.items() if k not in own
    }
    (line,) = [line for line in stages()["scorer"] if line.startswith("CMD ")]
    compose = yaml.safe_load(COMPOSE.read_text())["services"]["scorer"]
    assert ours["args"] == json.loads(line[4:]) == compose["command"]
    assert "nvidia.com/gpu" not in yaml.dump(ours)


def test_who_scores_has_the_folder_that_scoring_reads_and_writes(values, worker):
    """The DAG's tasks run on the queue `cpu`, or on the one that the DAG processor names."""
    claims = yaml.safe_load_all((KUBERNETES / "claims.yaml").read_text())
    claimed = {claim["metadata"]["name"] for claim in claims}
    assert SHARED["persistentVolumeClaim"]["claimName"] in claimed
    cpu = values["workers"]["celery"]
    assert SHARED in cpu["extraVolumes"]
    assert SHARED in worker["volumes"]  # the scorer's are the same
    (container,) = worker["containers"]
    for mounts in (cpu["extraVolumeMounts"], container["volumeMounts"]):
        assert {"name": "shared", "mountPath": "/srv/shared"} in mounts
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("worker", "scorer", "worker-gpu"):
        assert "./state/shared:/srv/shared" in services[name]["volumes"], name


def test_what_is_converted_outlives_a_container():
    (line,) = [line for line in stages()["machine"] if "XDG_CACHE_HOME" in line]
    folder = re.search(r"XDG_CACHE_HOME=(\S+)", line)[1]
    assert folder == "/srv/pneumo/.cache"
    assert "/.cache/" in (ROOT / ".gitignore").read_text().splitlines()
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name in ("worker", "scorer", "worker-gpu", "worker-pacs"):
        assert f"{name}:/srv/pneumo" in services[name]["volumes"]


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
    for name in ("gpu-worker.yaml", "scorer.yaml", "pod-template.yaml", "pod-template-gpu.yaml"):
        manifest = yaml.safe_load((KUBERNETES / name).read_text())
        labels = manifest["spec"].get("template", manifest)["metadata"]["labels"]
        assert peer["podSelector"]["matchLabels"].items() <= labels.items(), name
        assert labels["component"] not in ("worker", "scheduler", "api-server")  # the chart's own


def made_keys(script: str) -> dict[str, list[str]]:
    """Secrets that the script makes, with the keys it names."""
    lines = re.findall(r"^make (\S+) (.*)$", script, flags=re.MULTILINE)
    return {name: re.findall(r"--from-file=([a-z-]+)=", rest) for name, rest in lines}


def test_a_worker_has_the_secrets_of_its_work_alone(worker, values):
    """Those of the chart's own workers are the chart's, but for what is switched off here."""
    (container,) = worker["containers"]
    told = {entry["name"] for entry in container["env"] if "valueFrom" in entry}
    assert told == {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"}
    mounted = [v["secret"]["secretName"] for v in worker["volumes"] if "secret" in v]
    own = [v for v in values["workers"]["celery"]["extraVolumes"] if "secret" in v]
    assert mounted == [v["secret"]["secretName"] for v in own] == ["pneumo-files"]
    off = {name for name, on in values["enableBuiltInSecretEnvVars"].items() if on is False}
    assert {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"} <= off
    assert not [volume for volume in values["volumes"] if "secret" in volume]  # of every pod


def test_the_api_server_finds_the_keys_that_the_chart_hands_nobody(values):
    server, made = values["apiServer"], made_keys((KUBERNETES / "secrets.sh").read_text())
    mounts = {m["mountPath"]: m["name"] for m in server["extraVolumeMounts"]}
    secrets = {v["name"]: v["secret"]["secretName"] for v in server["extraVolumes"]}
    told = {entry["name"].removesuffix("_CMD"): entry["value"] for entry in server["env"]}
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"):
        folder, _, key = told[name].removeprefix("cat ").rpartition("/")
        assert key in made[secrets[mounts[folder]]]


def test_every_secret_that_is_named_is_made(worker, values):
    text = (KUBERNETES / "secrets.sh").read_text()
    made = set(re.findall(r"^make (\S+)", text, flags=re.MULTILINE))
    claims = yaml.safe_load_all((KUBERNETES / "claims.yaml").read_text())
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
