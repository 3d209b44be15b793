"""A peer, reached by the way that it offers; one that refuses us is left in peace."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.pacs._audit import AUTHENTICATION, Audit
from pneumo.pacs._link import DeniedError, Link
from pneumo.pacs._orthanc import Orthanc
from pneumo.pacs._web import Web
from pneumo.pacs.ledger import Ledger
from pneumo.pacs.peers import Peer, Site

PEACE_S = 4 * 3600
"""How long a peer that refused us is not asked again, unless its settings or files change: one
that is asked every minute with a wrong password locks the account."""


def link_to(site: Site, name: str, *, dimse: bool = False) -> Link:
    """The way to a peer: DICOMweb, or DIMSE where there is nothing else or it is asked for."""
    peer = site.peers[name]
    if peer.dicomweb is None or dimse:
        try:
            from pneumo.pacs._dimse import Dimse
        except ImportError:
            raise PneumoError(f"{name}: DIMSE is not installed; install pneumo[pacs]") from None
        return Dimse(name, peer, site.ae_title, site.days)
    if peer.orthanc is not None:
        return Orthanc(name, peer, site.days)
    return Web(name, peer, site.days)


@contextmanager
def reached(site: Site, name: str, ledger: Ledger) -> Iterator[Link]:
    """The open way to a peer. Raises AwayError, and DeniedError without asking for a while."""
    key = _key(site.peers[name])
    for row in ledger.rows("SELECT * FROM closed WHERE peer = ?", name):
        if row["key"] == key and time.time() < row["until"]:
            raise DeniedError(f"{row['message']} (not asked again; `pneumo pacs echo` asks)")
    try:
        with link_to(site, name) as link:
            yield link
            open_again(ledger, name)
    except DeniedError as error:
        until = time.time() + PEACE_S
        line = "INSERT OR REPLACE INTO closed VALUES (?, ?, ?, ?)"
        ledger.change((line, (name, key, str(error), until)))
        Audit(site).alert(AUTHENTICATION, name)
        raise


def open_again(ledger: Ledger, name: str) -> None:
    """A peer answers us: ask it as before."""
    if ledger.rows("SELECT 1 FROM closed WHERE peer = ?", name):
        ledger.change(("DELETE FROM closed WHERE peer = ?", (name,)))


def _key(peer: Peer) -> str:
    """A sum of a peer's settings and of when its files were changed; of no secret."""
    facts = [peer.model_dump_json()]
    for file in (peer.credentials, peer.ca, peer.certificate, peer.key):
        if file:
            status = Path(file).stat()
            facts.append(f"{status.st_mtime_ns} {status.st_size} {status.st_ino}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
