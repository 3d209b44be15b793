"""A plan says who scores, and every machine keeps to it."""

import json
from pathlib import Path
from shutil import copytree

import pyarrow.parquet as pq
import pytest

from pneumo.base.errors import DataError, PneumoError, TransientError
from pneumo.base.files import write_json
from pneumo.engines import choose, processor
from pneumo.scoring import score as stage
from tests.packages import ENSEMBLE, sum_up

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow]


@pytest.fixture
def auto(score_settings):
    return score_settings.model_copy(update={"engine": "auto", "task_images": 3})


@pytest.fixture
def few(inbox, tmp_path) -> Path:
    folder = tmp_path / "few"
    folder.mkdir()
    for path in sorted(inbox.folder.glob("*.dcm"))[2:7]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def machine(monkeypatch, engine: str) -> None:
    """From here on ``auto`` would be this engine."""
    monkeypatch.setattr(stage, "choose", lambda: engine)


@pytest.mark.parametrize(
    ("planned", "scored", "published"),
    [
        ("tensorflow", "tensorflow", "openvino"),
        ("openvino", "tensorflow", "tensorflow"),
        ("openvino", "openvino", "tensorflow"),
        ("tensorflow", "openvino", "openvino"),
    ],
)
def test_auto_is_resolved_by_the_plan_for_all_machines(
    monkeypatch, few, balanced_package, auto, tmp_path, planned, scored, published
):
    out = tmp_path / "out"
    machine(monkeypatch, planned)
    told = stage.plan_score([few], out, str(balanced_package), rescore=False, score=auto)
    machine(monkeypatch, scored)
    for number in range(told["tasks"]):
        stage.score_part(out, number, score=auto)
    machine(monkeypatch, published)
    summary = stage.publish_scores(out, score=auto)
    assert (summary["files"], summary["scored"]) == (5, 5)
    assert summary["precisions"] == {f"{planned} float32": 5}
    assert len(pq.read_table(out / "predictions.parquet")) == 5


@pytest.mark.parametrize(("task_images", "tasks"), [(2, 3), (4, 2), (5, 1)])
def test_a_task_takes_parts_in_turn_until_it_has_its_share(
    monkeypatch, few, balanced_package, auto, tmp_path, task_images, tasks
):
    monkeypatch.setattr(stage, "PART_IMAGES", 2)  # of five radiographs: parts of 2, 2 and 1
    score = auto.model_copy(update={"task_images": task_images})
    out = tmp_path / "out"
    told = stage.plan_score([few], out, str(balanced_package), rescore=False, score=score)
    assert told["tasks"] == tasks
    for number in range(tasks):
        stage.score_part(out, number, score=score)
    assert stage.publish_scores(out, score=score)["scored"] == 5
    assert len(list(out.glob("shards/*/*/rows.parquet"))) == 3


@pytest.mark.parametrize(("name", "value"), [("flip", True), ("engine", "tensorflow")])
def test_settings_that_change_after_the_plan_change_nothing_of_it(
    few, balanced_package, score_settings, tmp_path, name, value
):
    out = tmp_path / "out"
    stage.plan_score([few], out, str(balanced_package), rescore=False, score=score_settings)
    other = score_settings.model_copy(update={name: value})
    stage.score_part(out, 0, score=other)
    assert stage.publish_scores(out, score=other)["precisions"] == {"openvino float32": 5}


def test_a_machine_that_lacks_the_planned_engine_says_so(
    monkeypatch, few, balanced_package, auto, tmp_path
):
    out = tmp_path / "out"
    machine(monkeypatch, "tensorflow")
    stage.plan_score([few], out, str(balanced_package), rescore=False, score=auto)
    machine(monkeypatch, "openvino")
    found = choose.find_spec
    monkeypatch.setattr(
        choose, "find_spec", lambda name: None if name == "tensorflow" else found(name)
    )
    with pytest.raises(PneumoError, match=r"tensorflow on every machine.*not installed here") as e:
        stage.score_part(out, 0, score=auto)
    assert e.value.exit_code == 2
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("precision", ["bfloat16", "mixed"])
def test_a_machine_that_does_not_multiply_as_planned_says_so(
    monkeypatch, few, balanced_package, auto, tmp_path, precision
):
    out = tmp_path / "out"
    machine(monkeypatch, "openvino")
    monkeypatch.setattr(stage, "choose_precision", lambda *_: precision)
    stage.plan_score([few], out, str(balanced_package), rescore=False, score=auto)
    monkeypatch.setattr(processor, "multiplies_in_bfloat16", lambda: False)
    said = f"in {precision} on every machine, and .* does not multiply"
    with pytest.raises(TransientError, match=said) as e:  # which Airflow tries again, elsewhere
        stage.score_part(out, 0, score=auto)
    assert "\n" not in str(e.value)
    assert not list(out.glob("shards/*/*/rows.parquet"))


def test_a_plan_of_another_version_of_pneumo_is_made_again(few, balanced_package, auto, tmp_path):
    out = tmp_path / "out"
    stage.plan_score([few], out, str(balanced_package), rescore=False, score=auto)
    file = out / ".scoring/plan.json"
    plan = json.loads(file.read_text())
    del plan["about"]["scorer"]
    file.write_text(json.dumps(plan))
    for act in (lambda: stage.score_part(out, 0, score=auto),
                lambda: stage.publish_scores(out, score=auto)):  # fmt: skip
        with pytest.raises(DataError, match="run `pneumo score-plan` again"):
            act()


def test_another_ensemble_under_the_planned_name_is_refused(few, balanced_package, auto, tmp_path):
    out, package = tmp_path / "out", copytree(balanced_package, tmp_path / "package")
    stage.plan_score([few], out, str(package), rescore=False, score=auto)
    write_json(package / "ensemble.json", ENSEMBLE | {"threshold": 0.123})
    sum_up(package)
    with pytest.raises(DataError, match="is another ensemble than was planned"):
        stage.score_part(out, 0, score=auto)
