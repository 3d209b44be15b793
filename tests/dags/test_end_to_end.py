"""The whole chain in a checkout of its own: real scheduler, real server, real networks."""

import json
import os
import shutil
import stat
from collections.abc import Iterator

import httpx
import pandas as pd
import psutil
import pytest

from pneumo import workflow
from tests.dags.checkout import Checkout, free_port, marked
from tests.dags.loop import Loop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Checkout]:
    """A checkout in which ``pneumo launch`` has run once; its servers are up."""
    Checkout.ports = {"PNEUMO_AIRFLOW_PORT": free_port(), "PNEUMO_MLFLOW_PORT": free_port()}
    here = Checkout(tmp_path_factory.mktemp("checkout"))
    try:
        here.said = here.run("pneumo launch")
        yield here
    finally:
        here.run("pneumo down")
        assert not marked(here.folder)


def test_a_launch_ends_with_the_figures_and_a_champion(checkout):
    for name in ["unet_densenet121", "unet_vgg19", "ensemble", "two constant boxes"]:
        assert name in checkout.said
    assert "promoted: pneumonia-ensemble version 1, alias champion" in checkout.said
    assert "train_unet_vgg19" in checkout.said


def test_every_network_and_the_ensemble_are_registered_once(checkout):
    names = sorted(version["name"] for version in checkout.versions())
    assert names == ["pneumonia-ensemble", "unet_densenet121", "unet_vgg19"]
    champion = checkout.mlflow(
        "registered-models/alias", name="pneumonia-ensemble", alias="champion"
    )["model_version"]
    tags = {tag["key"]: tag["value"] for tag in champion["tags"]}
    assert {"pneumo.git_commit", "pneumo.dvc_lock", "pneumo.data", "pneumo.map"} < set(tags)
    assert tags["pneumo.verdict"] == "promoted"


def test_every_training_has_one_run_with_its_curve(checkout):
    experiment = checkout.mlflow("experiments/get-by-name", experiment_name="pneumonia")
    found = httpx.post(
        f"http://127.0.0.1:{checkout.ports['PNEUMO_MLFLOW_PORT']}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": [experiment["experiment"]["experiment_id"]]},
        auth=("admin", (checkout.folder / ".pneumo/password").read_text().strip()),
    ).json()["runs"]
    assert sorted(run["info"]["run_name"] for run in found) == [
        "ensemble",
        "unet_densenet121",
        "unet_vgg19",
    ]
    assert {run["info"]["status"] for run in found} == {"FINISHED"}
    (run,) = [run for run in found if run["info"]["run_name"] == "unet_vgg19"]
    curve = checkout.mlflow("metrics/get-history", run_id=run["info"]["run_id"], metric_key="loss")
    assert len(curve["metrics"]) == 2


def test_valid_data_are_announced_with_their_hash_and_counts(checkout):
    state, tasks, _ = checkout.run_dag("pneumonia_validate")
    assert (state, set(tasks.values())) == ("success", {"success"})
    with checkout.airflow() as client:
        events = client.get("/assets/events", order_by="-timestamp")["asset_events"]
    facts = next(e["extra"] for e in events if e["name"] == workflow.VALID_DATA)
    assert facts["images"] == 40
    assert facts["md5"].endswith(".dir")
    assert (checkout.folder / facts["docs"]).is_file()


def test_data_that_are_not_valid_fail_the_task_and_nothing_runs_after_it(checkout):
    broken = checkout.folder / "data/broken"
    shutil.copytree(checkout.folder / "data/demo", broken, copy_function=os.link)
    labels = broken / "stage_2_train_labels.csv"
    text = labels.read_text().replace(",,,,0\n", ",,,,7\n", 1)
    labels.unlink()
    labels.write_text(text)
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"data": {"root": "data/broken"}})
    state, tasks, logs = checkout.run_dag("pneumonia_validate")
    checkout.set_params(before)
    assert state == "failed"
    assert tasks == {
        "demo": "skipped",
        "validate": "failed",
        "publish": "upstream_failed",
        "valid_data": "upstream_failed",
    }
    (log,) = (logs / "task_id=validate").rglob("*.log")
    assert "critical: labels.Target" in log.read_text()
    checkout.run("dvc repro validate")  # the workspace is again as it was


def test_what_tasks_tell_each_other_is_short_and_names_nobody(checkout):
    patients = pd.read_csv(checkout.folder / "data/demo/patients.csv", dtype=str)
    everyone = {*patients["patientId"], *(f"{person!r}" for person in patients["person"])}
    with checkout.airflow() as client:
        path = "/dags/~/dagRuns/~/taskInstances/~/xcomEntries"
        entries = client.get(path, limit=100)["xcom_entries"]
        assert len(entries) > 8
        for entry in entries:
            place = f"/dags/{entry['dag_id']}/dagRuns/{entry['run_id']}"
            place += f"/taskInstances/{entry['task_id']}/xcomEntries/{entry['key']}"
            value = str(client.get(place, map_index=entry["map_index"])["value"])
            assert len(value) < 2_000
            assert not [name for name in everyone if name in value], entry["task_id"]


def test_no_patient_is_named_in_logs_databases_artifacts_or_data_docs(checkout):
    labels = pd.read_csv(checkout.folder / "data/demo/stage_2_train_labels.csv")
    names = [name.encode() for name in labels["patientId"].unique()]
    places = [".pneumo/logs", ".pneumo/airflow", ".pneumo/mlflow", "reports"]
    files = [p for place in places for p in (checkout.folder / place).rglob("*") if p.is_file()]
    assert len(files) > 50
    for path in files:
        content = path.read_bytes()
        assert not any(name in content for name in names), path


def test_dvc_has_nothing_to_do_after_airflow(checkout):
    assert "up to date" in checkout.run("dvc repro")


def test_an_edited_parameter_makes_only_what_depends_on_it_stale(checkout):
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"boxes": {"shrinks": [0.0, 0.2]}})
    status = json.loads(checkout.run("dvc status --json"))
    checkout.set_params(before)
    assert sorted(status) == ["tune"]


def test_another_launch_finds_everything_cached_and_registers_nothing(checkout):
    before = checkout.versions()
    said = checkout.run("pneumo launch")
    assert "kept: pneumonia-ensemble version 1, alias champion" in said
    assert checkout.versions() == before


def test_the_champion_scores_radiographs_and_rejects_what_is_none(checkout):
    inbox = checkout.folder / "inbox"
    inbox.mkdir()
    for path in sorted((checkout.folder / "data/demo/stage_2_train_images").iterdir())[:5]:
        shutil.copyfile(path, inbox / path.name)
    (inbox / "torn.dcm").write_bytes(b"torn")
    said = json.loads(checkout.run("pneumo score inbox results --json 2>/dev/null", code=3))
    assert (said["files"], said["scored"], said["rejected"]) == (6, 5, 1)
    status = pd.read_csv(checkout.folder / "results/predictions.csv")["status"]
    assert status.tolist() == ["scored"] * 5 + ["rejected"]
    assert pd.read_csv(checkout.folder / "results/rejected.csv")["reason"].tolist() == ["not_dicom"]
    labels = "data/demo/stage_2_train_labels.csv"
    assert float(checkout.run(f"pneumo metric {labels} results/submission.csv 2>/dev/null")) >= 0


def test_an_inbox_is_scored_in_mapped_tasks_and_never_twice(checkout):
    inbox, out = checkout.folder / "data/inbox", checkout.folder / "data/scored"
    shutil.copytree(checkout.folder / "data/demo/stage_2_train_images", inbox)
    (inbox / "torn.dcm").write_bytes(b"torn")
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"score": {"task_images": 20}})
    state, tasks, logs = checkout.run_dag("pneumonia_score")
    assert (state, set(tasks.values())) == ("success", {"success"}), tasks
    assert len(list((logs / "task_id=score").glob("map_index=*"))) == 3
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["files"], summary["scored"], summary["rejected"]) == (41, 40, 1)
    with checkout.airflow() as client:
        events = client.get("/assets/events", order_by="-timestamp")["asset_events"]
    facts = next(event["extra"] for event in events if event["name"] == workflow.SCORED)
    assert (facts["out"], facts["scored"]) == ("data/scored", 40)
    parts = {path: path.stat().st_mtime_ns for path in out.glob("shards/*/*/rows.parquet")}
    state, tasks, _ = checkout.run_dag("pneumonia_score")
    checkout.set_params(before)
    assert state == "success"
    assert tasks["score"] == "skipped"
    assert {path: path.stat().st_mtime_ns for path in out.glob("shards/*/*/rows.parquet")} == parts
    assert json.loads((out / "summary.json").read_text()) == summary


def test_a_pacs_on_this_machine_gets_a_report_and_an_overlay_of_ten_radiographs(checkout):
    said = checkout.run("pneumo pacs demo")
    found = json.loads(checkout.run("pneumo pacs status --json 2>/dev/null"))
    states = {name: number for name, number in found["states"].items() if number}
    assert (states, found["decide"]) == ({"confirmed": 10}, [])
    assert found["objects"] == {"confirmed": 20}
    home = checkout.folder / ".pneumo/pacs"
    for name in ("credentials", "orthanc.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    port = json.loads((home / "orthanc.json").read_text())["HttpPort"]
    page = next(word for word in said.split() if "/app/explorer.html#study?uuid=" in word)
    login = tuple((home / "credentials").read_text().strip().split(":"))
    url = page.replace("/app/explorer.html#study?uuid=", "/studies/") + "/series?expand"
    assert httpx.get(url).status_code == 401
    series = httpx.get(url, auth=login).raise_for_status().json()
    assert sorted(one["MainDicomTags"]["Modality"] for one in series) == ["CR", "PR", "SR"]
    listens = [c.laddr for c in psutil.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {place.ip for place in listens if place.port == port} == {"127.0.0.1"}
    assert login[1] not in said
    again = checkout.run("pneumo pacs demo")
    assert "radiographs: 10 confirmed; objects of findings in the PACS: 20" in again
    checkout.run("airflow dags pause pneumonia_pacs")


def test_a_champion_whose_file_was_changed_is_refused(checkout):
    (network,) = checkout.folder.glob(".pneumo/mlflow/artifacts/**/ensemble/unet_vgg19.keras")
    content = network.read_bytes()
    network.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = checkout.run("XDG_CACHE_HOME=$PWD/empty pneumo score inbox refused", code=2)
    network.write_bytes(content)
    assert "unet_vgg19.keras is missing or its sha256 differs" in said
    assert not (checkout.folder / "refused").exists()


def test_a_failed_task_is_named_with_the_end_of_its_log(checkout):
    before = (checkout.folder / "params.yaml").read_text()
    checkout.change({"data": {"test_images": 5000}})
    said = checkout.run("pneumo launch", code=1)
    checkout.set_params(before)
    assert "prepare" in said
    assert "lower data.train_images, data.validation_images or data.test_images" in said


@pytest.fixture(scope="module")
def loop(checkout) -> Loop:
    """What comes after the promotion, from an ordinary week on."""
    found = Loop(checkout)
    found.arrive("ordinary", 24)
    found.answer()
    found.look()
    return found


def test_an_ordinary_week_is_no_alarm_and_asks_for_nothing(loop):
    assert loop.tasks["alarm"] == "success"
    assert loop.tasks["verdicts"] == loop.tasks["retrain"] == "skipped"
    assert loop.summary()["windows"] == 1
    assert loop.summary()["level"] in ("quiet", "warning")
    assert loop.wanted() == []


def test_a_week_of_reversed_radiographs_is_an_alarm_and_asks_for_no_training(loop):
    loop.arrive("reversed", 16)
    loop.arrive("noise", 24)
    loop.answer()
    loop.look()
    assert loop.tasks["alarm"] == "failed"
    assert loop.tasks["retrain"] == "skipped"
    assert loop.summary()["windows"] == 2
    assert loop.summary()["level"] == "alarm"
    assert loop.summary()["signals"]["turned"]
    assert loop.wanted() == []


def test_readers_who_say_the_opposite_want_a_training_once_and_say_why(loop):
    said = loop.read()
    (fell,) = [line for line in said.splitlines() if line.startswith("retraining wanted: ")]
    assert "is below" in fell
    loop.look()
    (wanted,) = loop.wanted()
    assert wanted["model"] == loop.champion()["sha256"][:16]
    assert "; ".join(wanted["reasons"]) in fell
    loop.look()
    assert loop.tasks["retrain"] == "skipped"
    assert loop.wanted() == [wanted]


@pytest.mark.timeout(1800)
def test_verdicts_become_a_data_version_that_is_trained_on_without_sealed_people(loop):
    champion = loop.champion()
    data = loop.take_up()
    state, tasks, _ = loop.checkout.run_dag("pneumonia_train")
    assert state == "success", tasks
    index = pd.read_parquet(loop.checkout.folder / "data/prepared/index.parquet")
    ours = index[index["patientId"].str.startswith("feedback-")].set_index("patientId")["split"]
    assert set(ours.index) == set(data["patientId"])
    sealed = data.loc[data["sealed"], "patientId"]
    assert 0 < len(sealed) < len(data)
    assert set(ours[sealed]) == {"test"}
    assert (ours.drop(sealed) == "train").sum() > len(sealed)
    rules = {rule["name"]: rule for rule in loop.promotion()["rules"]}
    assert rules["sealed feedback"]["figures"]["images"] == len(sealed)
    assert "measured again now" in rules["same test images"]["reason"]
    verdict = "promoted" if all(rule["held"] for rule in rules.values()) else "kept"
    assert loop.promotion()["verdict"] == verdict
    assert tasks["champion"] == {"promoted": "success", "kept": "skipped"}[verdict]
    assert (loop.champion() != champion) == (verdict == "promoted")


def test_of_the_loop_nobody_is_named_in_data_reports_events_logs_or_tags(loop):
    """A planted name, ID, UID and comment of every radiograph; files are named by nobody."""
    found = loop.named_in(
        "data/feedback", "data/prepared", "data/monitor", "reports", ".pneumo/airflow",
        ".pneumo/mlflow", ".pneumo/logs",
    )  # fmt: skip
    assert found == []
