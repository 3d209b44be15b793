import pytest

from pneumo import tracking
from pneumo.registration import network_run_id
from pneumo.registry import SUM

PROFILE = {"sha256": {"index.parquet": "1" * 64}}
SETTINGS = {"epochs": 2, "learning_rate": 0.001}


@pytest.fixture
def store(mlflow_store):
    """A client of a real MLflow store."""
    return tracking.client()


def curve(store, run_id, key="loss"):
    return [(m.step, m.value) for m in store.get_metric_history(run_id, key)]


def test_a_training_is_one_run_with_its_curve(store):
    with tracking.network_run("curve", PROFILE, SETTINGS) as run:
        run.epoch(1, {"loss": 0.9})
        run.epoch(2, {"loss": 0.5})
        run.finish({"best_loss": 0.5}, {SUM: "a" * 64})
    found = tracking.find_run(store, {"pneumo.network": "curve"})
    assert found.info.status == "FINISHED"
    assert found.data.params["epochs"] == "2"
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.5)]
    assert found.inputs.dataset_inputs[0].dataset.digest == "1" * 32


def test_a_training_tried_again_takes_up_its_unfinished_run(store):
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            stop_after_an_epoch(attempt)
    runs = store.search_runs([tracking.experiment_id(store)], "tags.`pneumo.network` = 'again'")
    assert [run.info.status for run in runs] == ["FAILED"]


def test_epochs_that_the_server_has_are_not_sent_twice(store):
    with tracking.network_run("on", PROFILE, SETTINGS) as run:
        run.epoch(1, {"loss": 0.9})
        run.epoch(2, {"loss": 0.8})  # and no more: the process was killed
    with tracking.network_run("on", PROFILE, SETTINGS) as run:
        for number, loss in enumerate((0.9, 0.8, 0.7), start=1):
            run.epoch(number, {"loss": loss})
        run.finish({})
    found = tracking.find_run(store, {"pneumo.network": "on"})
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.8), (3, 0.7)]


def test_an_epoch_whose_answer_was_lost_is_not_sent_twice(store, monkeypatch):
    monkeypatch.setattr(tracking, "RETRY_SECONDS", 0.0)
    log_batch = type(store).log_batch

    def lose_the_answer(*words, **named):
        log_batch(*words, **named)
        monkeypatch.setattr(type(store), "log_batch", log_batch)
        raise ConnectionError("the server was restarted")

    with tracking.network_run("lost", PROFILE, SETTINGS) as run:
        run.epoch(1, {"loss": 0.9})
        monkeypatch.setattr(type(store), "log_batch", lose_the_answer)
        run.epoch(2, {"loss": 0.8})
        run.epoch(3, {"loss": 0.7})
        run.finish({})
    found = tracking.find_run(store, {"pneumo.network": "lost"})
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.8), (3, 0.7)]


def stop_after_an_epoch(attempt):
    with tracking.network_run("again", PROFILE, SETTINGS) as run:
        run.epoch(attempt, {"loss": 0.9})
        raise KeyboardInterrupt


def test_training_goes_on_while_the_server_is_away(store, monkeypatch, capsys, mlflow_store):
    monkeypatch.setattr(tracking, "RETRY_SECONDS", 0.0)
    with tracking.network_run("away", PROFILE, SETTINGS) as run:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        run.epoch(1, {"loss": 0.9})
        assert "MLflow is away, training goes on" in capsys.readouterr().err
        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
        run.epoch(2, {"loss": 0.5})
        run.finish({})
    found = tracking.find_run(store, {"pneumo.network": "away"})
    assert curve(store, found.info.run_id) == [(1, 0.9), (2, 0.5)]


def test_a_run_that_never_reached_the_server_is_made_from_the_files(store):
    history = [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.4}]
    arguments = (store, "later", "b" * 64, SETTINGS, PROFILE, history)
    run_id = network_run_id(*arguments)
    assert curve(store, run_id) == [(1, 0.9), (2, 0.4)]
    assert network_run_id(*arguments) == run_id


def test_without_a_server_nothing_is_tracked_and_nothing_fails(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracking.network_run("none", PROFILE, SETTINGS) as run:
        run.epoch(1, {"loss": 0.9})
        run.finish({})
    assert tracking.client() is None
