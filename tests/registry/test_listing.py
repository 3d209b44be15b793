"""The list of versions by REST is that of MLflow's client, from a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from pneumo.registry import store
from pneumo.registry.listing import ENSEMBLE, listed
from tests.mlflow_servers import Server

pytestmark = pytest.mark.slow
TAGS = {"pneumo.map": "0.25", "pneumo.test_set": "a" * 64, "pneumo.verdict": 'é & "kept"'}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("mlflow"))
    running.start()
    try:
        yield running.address
    finally:
        running.stop()


def pneumo_list(address, **more):
    command = [str(Path(sys.executable).with_name("pneumo")), "registry", "list", "--json"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": address} | more
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_server_without_an_ensemble_gives_an_empty_list_and_then_all_versions(
    server, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert json.loads(pneumo_list(server).stdout) == []
    client = MlflowClient(server)
    client.create_registered_model(ENSEMBLE)
    run = client.create_run("0").info
    for _ in range(11):
        client.create_model_version(ENSEMBLE, run.artifact_uri, run.run_id, tags=TAGS)
    client.set_registered_model_alias(ENSEMBLE, "champion", "10")
    client.set_registered_model_alias(ENSEMBLE, "previous", "2")
    client.set_registered_model_alias(ENSEMBLE, "odd", "3")
    found, known = listed(), store.versions(client)
    assert [row.version for row in found.versions] == [str(n) for n in range(11, 0, -1)]
    assert [row.version for row in found.versions] == [str(v.version) for v in known]
    assert [row.creation_timestamp for row in found.versions] == [
        v.creation_timestamp for v in known
    ]
    assert all(row.tags == TAGS for row in found.versions)
    assert found.aliases == store.aliases(client) == {"champion": "10", "previous": "2"}
    rows = json.loads(pneumo_list(server).stdout)
    assert (rows[0]["version"], rows[1]["aliases"]) == ("11", ["champion"])
    assert rows[0]["verdict"] == TAGS["pneumo.verdict"]


def test_the_list_loads_neither_mlflow_nor_pandas(server):
    program = (
        "import sys; sys.argv = ['pneumo', 'registry', 'list']\n"
        "from pneumo.cli.app import app\n"
        "try:\n    app()\nfinally:\n    print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MLFLOW_TRACKING_URI": server},
        capture_output=True,
        text=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "pneumo" in loaded
    assert loaded.isdisjoint({"mlflow", "pandas", "numpy", "keras"}), done.stderr
