import pytest

from pneumo.registry.register import network_run_id
from pneumo.registry.store import SUM
from pneumo.tracking import runs
from pneumo.tracking.live import network_run

PROFILE = {"sha256": {"index.parquet": "1" * 64}}
SETTINGS = {"epochs": 2, "learning_rate": 0.001}
HISTORY = [{"epoch": 1, "loss": 0.9}, {"epoch": 2, "loss": 0.4}]


@pytest.fixture
def store(mlflow_store):
    """A client of a real MLflow store."""
    return runs.client()


def curve(store, run_id, key="loss"):
    return [(m.step, m.value) for m in store.get_metric_history(run_id, key)]


def test_a_run_that_never_reached_the_server_is_made_from_the_files(store):
    arguments = (store, "later", "b" * 64, SETTINGS, PROFILE, HISTORY)
    run_id = network_run_id(*arguments)
    assert curve(store, run_id) == [(1, 0.9), (2, 0.4)]
    assert network_run_id(*arguments) == run_id


def test_a_run_that_the_server_had_begun_is_completed_from_the_files(store):
    with network_run("begun", PROFILE, SETTINGS) as run:
        run.epoch(1, {"loss": 0.9})
        run.fail()  # sent, and no more: the server was away from here on
    run_id = network_run_id(store, "begun", "c" * 64, SETTINGS, PROFILE, HISTORY)
    assert curve(store, run_id) == [(1, 0.9), (2, 0.4)]
    [found] = store.search_runs([runs.experiment_id(store)], "tags.`pneumo.network` = 'begun'")
    assert (found.info.status, found.data.tags[SUM]) == ("FINISHED", "c" * 64)
    assert found.data.params["epochs"] == "2"
    assert found.inputs.dataset_inputs[0].dataset.digest == "1" * 32


def test_without_a_named_server_there_is_no_client(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert runs.client() is None
