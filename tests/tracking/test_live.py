"""What a training tells MLflow, and that it never waits for it: on real stores and servers."""

import pytest
from PIL import Image

from pneumo.registry.register import network_run_id
from pneumo.registry.store import SUM
from pneumo.tracking import live, runs
from pneumo.tracking.live import network_run
from tests.mlflow_servers import Server, black_hole, until
from tests.tracking.test_runs import PROFILE, curve

PARAMS = {"epochs": 2, "learning_rate": 0.001}


@pytest.fixture
def store(mlflow_store):
    """A client of a real MLflow store."""
    return runs.client()


def runs_of(store, model):
    return store.search_runs([runs.experiment_id(store)], f"tags.`pneumo.network` = '{model}'")


def test_a_training_is_one_run_with_its_curve_its_machine_and_its_pictures(store):
    with network_run("curve", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        run.epoch(2, {"loss": 0.5})
        picture = {"validation": Image.new("RGB", (8, 8))}
        run.finish({"best_loss": 0.5, "best_epoch": 2}, {SUM: "a" * 64}, picture)
    [found] = runs_of(store, "curve")
    assert found.info.status == "FINISHED"
    assert found.data.params["epochs"] == "2"
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.5)]
    assert found.inputs.dataset_inputs[0].dataset.digest == "1" * 32
    assert found.data.metrics["system/system_memory_usage_megabytes"] > 0
    assert "system/cpu_utilization_percentage" in found.data.metrics
    images = [file.path for file in store.list_artifacts(found.info.run_id, "images")]
    assert any("validation+step+2" in path for path in images)


def test_a_training_tried_again_takes_up_its_unfinished_run(store):
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            stop_after_an_epoch(attempt)
    assert [run.info.status for run in runs_of(store, "again")] == ["FAILED"]


def stop_after_an_epoch(attempt):
    with network_run("again", PROFILE, PARAMS) as run:
        run.epoch(attempt, {"loss": 0.9})
        raise KeyboardInterrupt


def test_epochs_that_the_server_has_are_not_sent_twice(store):
    with network_run("on", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        run.fail()
    with network_run("on", PROFILE, PARAMS) as run:
        for number, loss in enumerate((0.9, 0.8, 0.7), start=1):
            run.epoch(number, {"loss": loss})
        run.finish({"best_epoch": 3})
    [found] = runs_of(store, "on")
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.8), (3, 0.7)]


def test_an_epoch_whose_answer_was_lost_is_not_sent_twice(store, monkeypatch):
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.0)
    log_batch = type(store).log_batch

    def lose_the_answer(*words, **named):
        log_batch(*words, **named)
        monkeypatch.setattr(type(store), "log_batch", log_batch)
        raise ConnectionError("the server was restarted")

    with network_run("lost", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        until(lambda: not run._figures)
        monkeypatch.setattr(type(store), "log_batch", lose_the_answer)
        run.epoch(2, {"loss": 0.8})
        until(lambda: type(store).log_batch is log_batch)
        run.epoch(3, {"loss": 0.7})
        run.finish({"best_epoch": 3})
    [found] = runs_of(store, "lost")
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.8), (3, 0.7)]


def test_killed_after_its_run_was_finished_a_training_ends_in_the_same_run(store, tmp_path):
    note = tmp_path / "run"
    for _ in range(2):  # the note goes with the training's other state, last of all
        with network_run("noted", PROFILE, PARAMS, note) as run:
            run.epoch(1, {"loss": 0.9})
            run.finish({"best_epoch": 1})
    [found] = runs_of(store, "noted")
    assert (found.info.status, found.info.run_id) == ("FINISHED", note.read_text())
    note.unlink()
    with network_run("noted", PROFILE, PARAMS, note) as run:
        run.finish({"best_epoch": 1})
    assert len(runs_of(store, "noted")) == 2  # trained again on purpose


def test_a_run_that_was_begun_without_its_parameters_gets_them(store):
    tags = runs.training_tags("bare", PROFILE, PARAMS)
    store.create_run(runs.experiment_id(store), tags=tags)  # and killed right then
    with network_run("bare", PROFILE, PARAMS) as run:
        run.finish({"best_epoch": 1})
    [found] = runs_of(store, "bare")
    assert found.data.params["epochs"] == "2"
    assert found.inputs.dataset_inputs


def test_without_a_server_nothing_is_tracked_and_nothing_fails(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with network_run("none", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        run.finish({})


def test_a_server_that_never_answers_is_not_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(live, "LAST_SECONDS", 0.2)
    with black_hole() as (address, reached), monkeypatch.context() as named:
        named.setenv("MLFLOW_TRACKING_URI", address)
        with network_run("hole", PROFILE, PARAMS) as run:
            run.epoch(1, {"loss": 0.9})
            assert reached.wait(60)
            for number in range(2, 100):
                run.epoch(number, {"loss": 0.5})
            assert run._thread.is_alive()  # it is still waiting for the first answer
            run.finish({"best_epoch": 1})
    assert "hole: MLflow is away; `pneumo promote` completes the run" in capsys.readouterr().out


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A running server, and its address in the environment."""
    running = Server(tmp_path)
    running.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", running.address)
    yield running
    running.stop()


@pytest.mark.slow
def test_a_server_that_was_away_gets_everything_once(server, monkeypatch, capsys):
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(live, "SAMPLE_SECONDS", 0.2)
    with network_run("away", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        until(lambda: not run._figures)
        server.stop()
        run.epoch(2, {"loss": 0.8})
        run.epoch(3, {"loss": 0.7})
        until(lambda: "MLflow is away, training goes on" in capsys.readouterr().err)
        server.start()
        until(lambda: not run._figures)
        run.epoch(4, {"loss": 0.6})
        run.finish({"best_epoch": 4}, {SUM: "d" * 64}, {"validation": Image.new("RGB", (8, 8))})
    store = runs.client()
    [found] = runs_of(store, "away")
    assert found.info.status == "FINISHED"
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6)]
    machine = curve(store, found.info.run_id, "system/system_memory_usage_megabytes")
    assert len(machine) > 1


@pytest.mark.slow
def test_a_server_that_went_away_for_good_is_told_by_promote(server, monkeypatch, capsys):
    monkeypatch.setattr(live, "RETRY_SECONDS", 0.2)
    with network_run("gone", PROFILE, PARAMS) as run:
        run.epoch(1, {"loss": 0.9})
        until(lambda: not run._figures)
        server.stop()
        run.epoch(2, {"loss": 0.4})
        run.finish({"best_epoch": 2}, {SUM: "e" * 64})
    assert "gone: MLflow is away" in capsys.readouterr().out
    server.start()
    store = runs.client()
    history = [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.4}]
    run_id = network_run_id(store, "gone", "e" * 64, PARAMS, PROFILE, history)
    [found] = runs_of(store, "gone")
    assert (found.info.run_id, found.info.status) == (run_id, "FINISHED")
    assert curve(store, run_id) == [(1, 0.9), (2, 0.4)]
