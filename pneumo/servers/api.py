"""Airflow's REST API, as much of it as a launch needs."""

import time
from typing import Any

import httpx

from pneumo.base.errors import ServiceError
from pneumo.base.gpus import list_gpus, shares
from pneumo.workflow import GPU_POOL, PACS_POOL, SCORING_POOL

POOLS = {
    GPU_POOL: "networks that train at a time",
    SCORING_POOL: "processes that score at a time",
    PACS_POOL: "steps of the round trip with a PACS at a time",
}
UNFINISHED = {"state": ["running", "queued"]}
PATIENCE = 5
"""How often a request is put, a second apart, to a server that is busy."""

PAGE = 100
"""What Airflow gives at most at a time, as it is configured when nobody says otherwise."""


class Airflow:
    """A client that logs in when asked to and when its day-long token has run out."""

    def __init__(self, url: str, user: str, password: str):
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._login = {"username": user, "password": password}

    def __enter__(self) -> "Airflow":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what lies at ``path``; ServiceError when there is nothing."""
        return self._json("GET", path, params=query)

    def every(self, path: str, kind: str, **query: Any) -> list[dict[str, Any]]:
        """Return all of a ``kind`` at ``path``, of which Airflow gives a page at a time."""
        listed: list[dict[str, Any]] = []
        while True:
            page = self.get(path, offset=len(listed), limit=PAGE, **query)
            listed += page[kind]
            if not page[kind] or len(listed) >= page["total_entries"]:
                return listed

    def find(self, path: str) -> Any | None:
        """Return what lies at ``path``, or None."""
        answer = self._ask("GET", path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _checked(answer)

    def post(self, path: str, body: dict) -> Any:
        """Create something at ``path``."""
        return self._json("POST", path, json=body)

    def patch(self, path: str, body: dict) -> Any:
        """Change what lies at ``path``."""
        return self._json("PATCH", path, json=body)

    def put(self, path: str) -> Any:
        """Ask for what ``path`` names to be done."""
        return self._json("PUT", path)

    def _json(self, method: str, path: str, **how: Any) -> Any:
        return _checked(self._ask(method, path, **how))

    def _ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask, and log in first where the server wants it."""
        answer = self._send(method, f"/api/v2{path}", **how)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = _checked(self._send("POST", "/auth/token", json=self._login))["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
            answer = self._send(method, f"/api/v2{path}", **how)
        return answer

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request; again when the server is busy or away for a moment, unless it creates.

        Airflow answers 500 when another of its processes holds SQLite's lock for too long.
        """
        for remaining in reversed(range(1 if method == "POST" else PATIENCE)):
            try:
                answer = self._client.request(method, path, **how)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR or not remaining:
                    return answer
            except httpx.TransportError as error:
                if not remaining:
                    raise ServiceError(f"Airflow does not answer: {error}") from error
            time.sleep(1)
        raise AssertionError("unreachable")


def ensure_pools(airflow: Airflow) -> None:
    """Create the pools: a training per share of a GPU, a scoring per GPU; those there stay."""
    gpus = len(list_gpus())
    slots = {GPU_POOL: gpus * shares() or 1, SCORING_POOL: gpus or 1, PACS_POOL: 1}
    for name, about in POOLS.items():
        if airflow.find(f"/pools/{name}") is None:
            body = {"name": name, "slots": slots[name], "description": about}
            airflow.post("/pools", {**body, "include_deferred": False})


def fail_unfinished_runs(airflow: Airflow) -> list[str]:
    """Mark runs that lost their servers as failed, so that they neither wait nor go on."""
    runs = airflow.every("/dags/~/dagRuns", "dag_runs", **UNFINISHED)
    for run in runs:
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
        airflow.patch(path, {"state": "failed", "note": "its servers ended before it did"})
    return [run["dag_run_id"] for run in runs]


def _checked(answer: httpx.Response) -> Any:
    """The answer's JSON; ServiceError with what the server said when it refused."""
    if answer.is_success:
        return answer.json() if answer.content else None
    asked = f"{answer.request.method} {answer.request.url.path}"
    raise ServiceError(f"Airflow refused {asked} ({answer.status_code}): {_said(answer)}")


def _said(answer: httpx.Response) -> str:
    """The first line of a refusal: for a parameter that breaks its schema, which and why."""
    try:
        said = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return said.partition("\n")[0][:500]
