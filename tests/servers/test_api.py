"""Airflow's REST API gives a page at a time; here it is a server that does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from pneumo.base.errors import ServiceError
from pneumo.servers import follow
from pneumo.servers.api import Airflow, fail_unfinished_runs

MOST = 100


class Pages(BaseHTTPRequestHandler):
    """Lists as many tasks and runs as ``server.count`` says, at most ``MOST`` at a time."""

    def do_GET(self):
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        offset, limit = int(query["offset"][0]), min(int(query["limit"][0]), MOST)
        shown = range(offset, min(offset + limit, self.server.count))
        kind, row = ("task_instances", task) if "taskInstances" in path else ("dag_runs", run)
        self.answer({kind: [row(n) for n in shown], "total_entries": self.server.count})

    def do_PATCH(self):
        self.server.patched.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({}, 500 if len(self.server.patched) <= self.server.busy else 200)

    def do_POST(self):
        self.do_PATCH()

    def answer(self, body, status=200):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


def task(number: int) -> dict:
    started = {"state": "success", "duration": 1.0, "start_date": None, "try_number": 1}
    return {"task_id": "score", "map_index": number, **started}


def run(number: int) -> dict:
    return {"dag_id": "pneumonia_score", "dag_run_id": f"run-{number}"}


@pytest.fixture
def pages() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.count, server.busy, server.patched = 0, 0, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def airflow(pages, monkeypatch) -> Iterator[Airflow]:
    monkeypatch.setattr("pneumo.servers.api.time.sleep", lambda seconds: None)
    with Airflow(f"http://127.0.0.1:{pages.server_port}", "admin", "word") as client:
        yield client


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 250])
def test_all_tasks_of_a_run_are_followed_however_many_they_are(airflow, pages, count):
    pages.count = count
    tasks = follow._tasks(airflow, "/dags/pneumonia_score/dagRuns/run", {"score": 0})
    assert [shown.name for shown in tasks] == [f"score[{number}]" for number in range(count)]


def test_every_run_that_lost_its_servers_is_failed(airflow, pages):
    pages.count = 130
    assert fail_unfinished_runs(airflow) == [f"run-{number}" for number in range(130)]
    assert len(pages.patched) == 130


def test_what_sets_a_value_is_asked_again_while_a_lock_is_held(airflow, pages):
    pages.busy = 2
    airflow.patch("/dags/pneumonia_train", {"is_paused": False})
    assert len(pages.patched) == 3


def test_what_creates_is_asked_once(airflow, pages):
    pages.busy = 2
    with pytest.raises(ServiceError, match=r"Airflow refused POST /api/v2/pools \(500\)"):
        airflow.post("/pools", {"name": "gpu"})
    assert len(pages.patched) == 1


def test_a_server_that_is_away_is_named(monkeypatch):
    monkeypatch.setattr("pneumo.servers.api.time.sleep", lambda seconds: None)
    with (
        Airflow("http://127.0.0.1:9", "admin", "word") as nobody,
        pytest.raises(ServiceError, match="Airflow does not answer"),
    ):
        nobody.get("/pools")
