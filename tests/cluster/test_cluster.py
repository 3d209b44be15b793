"""A cluster of many processes and two workers: a training and a scoring run through."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from statistics import median

import psutil
import pytest

from pneumo.servers import processes
from tests.cluster.outages import FAULTS, HEAD, Effect, Training, await_true, inject
from tests.cluster.site import TINY, Run, Site, shell

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(1750)]

TABLE = os.environ.get("PNEUMO_OUTAGES")
"""The file for the table of all faults (`make cluster-test`); without it two are tried."""

NETWORKS = TINY["models"]
MATRIX_S = 480
"""How long the training lasts over which all faults come, without them."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    here = Site(tmp_path_factory.mktemp("site"))
    try:
        here.cluster.up()
        yield here
    finally:
        here.cluster.down()
        assert not processes.marked(here.cluster.mark)


@pytest.fixture(scope="module")
def disturbed(site) -> tuple[Run, dict[str, Effect]]:
    """A run in which the database restarts in the first training, and the worker dies in the last.

    The effects are by network.
    """
    run = site.trigger("pneumonia_train")
    effects: dict[str, Effect] = {}
    for part in ("postgres", "worker-gpu"):
        training = under_way(run, [name for name in NETWORKS if name not in effects])
        training.await_epoch(2)
        (fault,) = [fault for fault in FAULTS if fault.part == part]
        effects[training.model] = inject(fault, training)
    run.end()
    print_table(effects.values())
    return run, effects


def under_way(run: Run, models: list[str]) -> Training:
    """The training of one of the networks that has begun."""
    trainings = [Training(run, model) for model in models]
    begun: list[Training] = []

    def has_begun() -> bool:
        begun.extend(t for t in trainings if t.instance()[0] == "running")
        return bool(begun)

    await_true(has_begun, f"none of {models} trains", seconds=1200)
    return begun[0]


def seconds_per_epoch(run: Run) -> float:
    """The median time from one epoch's end to the next, of all trainings of a run."""
    gaps = []
    for model in NETWORKS:
        ends = run.times(f"train_{model}", f"{model} epoch ")
        gaps += [after - before for before, after in pairwise(ends)]
    return median(gaps)


def print_table(effects: Iterable[Effect]) -> str:
    table = "\n".join([HEAD, *(effect.row() for effect in effects)]) + "\n"
    print("\n" + table)
    return table


def test_a_training_outlives_its_worker_and_the_databases_restart(disturbed):
    run, effects = disturbed
    (first, restarted), (last, killed) = effects.items()
    assert (restarted.retries, killed.retries) == (0, 1)
    assert "going on after epoch" not in run.log(f"train_{first}")
    assert "going on after epoch" in run.log(f"train_{last}")
    assert killed.lost_epochs <= 1
    assert (restarted.doubled, killed.doubled) == (0, 0)


def test_every_part_listens_on_this_machine_only(site, disturbed):
    servers = [*processes.marked(site.cluster.mark), site.cluster.process("postgres")]
    listening = set()
    for process in servers:
        with suppress(psutil.NoSuchProcess):
            every = process.net_connections("inet")
            listening |= {c.laddr.ip for c in every if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_networks_train_on_the_gpu_worker_and_nothing_else_does(site, disturbed):
    where = {task["task_id"]: task["queue"] for task in disturbed[0].tasks()}
    trainings = {f"train_{model}" for model in NETWORKS}
    assert {name for name, queue in where.items() if queue == "gpu"} == trainings
    assert set(where.values()) == {"gpu", "cpu"}
    for queue in ("gpu", "cpu"):
        ran = disturbed[0].tasks_on(f"worker-{queue}")
        assert ran == {name for name, place in where.items() if place == queue}


def test_everything_is_registered_and_tracked_once(site, disturbed):
    assert site.registered() == dict.fromkeys(sorted(["pneumonia-ensemble", *NETWORKS]), 1)
    assert sorted(run["info"]["run_name"] for run in site.runs()) == ["ensemble", *NETWORKS]
    assert {run["info"]["status"] for run in site.runs()} == {"FINISHED"}
    for run in site.runs():
        if run["info"]["run_name"] in NETWORKS:
            query = {"run_id": run["info"]["run_id"], "metric_key": "loss", "max_results": 5000}
            steps = [m["step"] for m in site.mlflow("metrics/get-history", **query)["metrics"]]
            assert sorted(steps) == list(range(1, TINY["train"]["epochs"] + 1))


def test_artifacts_are_in_the_s3_store(site, disturbed):
    from tests.cluster import stores

    client = stores.s3(site.cluster.layout)
    for bucket in ("dvc", "mlflow"):
        assert client.list_objects_v2(Bucket=bucket)["KeyCount"] > 10
    assert not (site.cluster.layout.home / "mlflow/artifacts").exists()


def test_a_third_clone_gets_everything_from_the_run_cache(site, disturbed):
    third = site.clone("third")
    said = shell(third, "dvc repro --pull", **site.user())
    assert "Running stage" not in said
    assert said.count("is cached - skipping run") == 5 + len(NETWORKS)


def test_the_runs_lock_file_is_a_branch_with_which_nothing_is_left_to_do(site, disturbed):
    fourth = site.clone("fourth")
    branch = shell(fourth, "git branch -r --list 'origin/runs/*'").strip()
    shell(fourth, f"git checkout -q {branch}")
    shell(fourth, "dvc pull", **site.user())
    assert "up to date" in shell(fourth, "dvc repro", **site.user())
    assert (fourth / "models" / NETWORKS[0] / "model.keras").is_file()


def test_an_inbox_on_a_shared_file_system_is_scored(site, disturbed):
    inbox, out = site.shared / "inbox", site.shared / "scored"
    inbox.mkdir()
    source = site.folder / "third/data/demo/stage_2_train_images"
    shell(site.folder / "third", "dvc pull data/dvc.yaml:demo", **site.user())
    for path in sorted(source.iterdir())[:24]:
        copyfile(path, inbox / path.name)
    states = site.trigger("pneumonia_score", {"input": str(inbox), "output": str(out)}).end()
    assert set(states.values()) == {"success"}
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["files"], summary["scored"]) == (24, 24)


def test_valid_data_are_published_to_the_shared_folder(site, disturbed):
    assert set(site.trigger("pneumonia_validate").end().values()) == {"success"}
    assert len(list((site.shared / "published").glob("*/index.html"))) == 1


def test_passwords_are_in_private_files_and_nowhere_else(site, disturbed):
    layout = site.cluster.layout
    secrets = [*layout.secrets.values(), *layout.config.secrets.values()]
    for process in processes.marked(site.cluster.mark):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline())
            assert not [secret for secret in secrets if secret in words], words.split()[:2]
    for path in layout.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if any(secret.encode() in content for secret in secrets):
                assert path.stat().st_mode & 0o077 == 0, path
                assert path.suffix != ".log", path


def test_a_mistake_is_not_tried_again(site, disturbed):
    site.change({"data": {"test_images": 1000}})
    try:
        run = site.trigger("pneumonia_train")
        await_true(lambda: run.state() == "failed", "the run does not fail")
    finally:
        site.change({"data": {"test_images": TINY["data"]["test_images"]}})
    (prepare,) = [task for task in run.tasks() if task["task_id"] == "prepare"]
    assert (prepare["state"], prepare["try_number"]) == ("failed", 1)
    assert "the splits need 1010" in run.log("prepare")


@pytest.mark.skipif(not TABLE, reason="make cluster-test tries all faults")
def test_a_run_outlives_every_outage(site, disturbed):
    network = NETWORKS[1]
    before, epochs = site.registered(), round(MATRIX_S / seconds_per_epoch(disturbed[0]))
    site.change({"models": [network], "train": {"epochs": epochs, "patience": epochs, "seed": 2}})
    run = site.trigger("pneumonia_train")
    training = under_way(run, [network])
    training.await_epoch(2)
    effects: list[Effect] = []
    for fault in FAULTS:
        effects.append(inject(fault, training))
        Path(TABLE).write_text(print_table(effects))
    run.end()
    assert [effect.retries for effect in effects if effect.fault.startswith("worker")] == [1]
    assert all(effect.doubled == 0 for effect in effects), effects
    made = {"pneumonia-ensemble": before["pneumonia-ensemble"] + 1, network: before[network] + 1}
    assert site.registered() == before | made
