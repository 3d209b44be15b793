"""The registered ensembles as a list, by MLflow's REST API: importing MLflow's client takes 5 s.

What this cannot do (a store without a server, other ways to log in, another kind of answer) is left
to MLflow's client, which also says why something failed.
"""

import base64
import json
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from pneumo.base.words import ALIASES, ENSEMBLE

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

SECONDS = 10.0
"""How long a server may be silent."""

OTHERWISE = ("TOKEN", "AUTH", "AWS_SIGV4", "CLIENT_CERT_PATH", "SERVER_CERT_PATH", "INSECURE_TLS")
"""``MLFLOW_TRACKING_`` and one of these: ways to a server that are left to MLflow's client."""


@dataclass(frozen=True)
class Row:
    """A version, as the server describes it; stamped in milliseconds since 1970."""

    version: str
    tags: Mapping[str, str]
    creation_timestamp: int


@dataclass(frozen=True)
class Listing:
    """All versions of the ensemble, the newest first; alias -> version."""

    versions: "Sequence[Row | ModelVersion]"
    aliases: Mapping[str, str]


def listed() -> Listing:
    """What ``MLFLOW_TRACKING_URI`` holds. Raises what ``registry`` raises."""
    try:
        return _by_rest(os.environ.get("MLFLOW_TRACKING_URI", ""))
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        from pneumo.registry import store

        server = store.connect()
        return Listing(store.versions(server), store.aliases(server))


def _by_rest(address: str) -> Listing:
    if not address.startswith(("http://", "https://")) or any(
        f"MLFLOW_TRACKING_{name}" in os.environ for name in OTHERWISE
    ):
        raise ValueError("left to MLflow's client")
    wanted = {"filter": f"name = '{ENSEMBLE}'", "max_results": "1000"}
    rows = sorted(_pages(address, wanted), key=lambda row: -int(row.version))
    return Listing(rows, _aliases(address))


def _pages(address: str, wanted: dict[str, str]) -> Iterator[Row]:
    token = ""
    while True:
        page = _ask(address, "model-versions/search", {**wanted, "page_token": token})
        for one in page.get("model_versions", []):
            tags = {tag["key"]: tag.get("value", "") for tag in one.get("tags", [])}
            yield Row(str(one["version"]), tags, int(one["creation_timestamp"]))
        token = page.get("next_page_token", "")
        if not token:
            return


def _aliases(address: str) -> dict[str, str]:
    try:
        found = _ask(address, "registered-models/get", {"name": ENSEMBLE})["registered_model"]
    except HTTPError as error:
        if error.code != 404:
            raise
        return {}
    named = {one["alias"]: str(one["version"]) for one in found.get("aliases", [])}
    return {alias: named[alias] for alias in ALIASES if alias in named}


def _ask(address: str, what: str, words: Mapping[str, str]) -> dict[str, Any]:
    query = urllib.parse.urlencode({name: word for name, word in words.items() if word})
    place = f"{address.rstrip('/')}/api/2.0/mlflow/{what}?{query}"
    request = urllib.request.Request(place)  # noqa: S310  # http or https
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        login = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        word = base64.b64encode(login.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {word}")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer)
