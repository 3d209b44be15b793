"""DICOMweb (PS3.18): QIDO-RS to search, WADO-RS to fetch, STOW-RS to store.

Bodies are taken as bytes: what is fetched is the file that the peer has, not one that was read and
written anew on the way.
"""

import datetime
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from pneumo.dicom.source import LARGEST_FILE_BYTES
from pneumo.pacs._link import (
    MODALITIES,
    RADIOGRAPHS,
    AbsentError,
    Answer,
    AwayError,
    DeniedError,
    Instance,
    Page,
    UnfitError,
    answer_of,
)
from pneumo.pacs.peers import Peer, secret_of

PAGE_ROWS = 500
BUSY = (408, 425, 429, 500, 502, 503, 504)
LONGEST_ANSWER_BYTES = 64 * 2**20
SOP_CLASS, SOP, MODALITY = "00080016", "00080018", "00080060"
STUDY, SERIES = "0020000D", "0020000E"
FAILED, REFERENCED, REASON = "00081198", "00081155", "00081197"


class Web:
    """A peer by DICOMweb. ``days``: how many days of studies a search goes back; None: all."""

    def __init__(self, name: str, peer: Peer, days: int | None) -> None:
        self.name, self.peer, self.days = name, peer, days
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, no .netrc: credentials go where the file says
        self.session.verify = peer.ca or True
        if peer.certificate and peer.key:
            self.session.cert = (peer.certificate, peer.key)
        self.session.headers["User-Agent"] = "pneumo"
        if secret := secret_of(peer):
            if secret.startswith("Bearer "):
                self.session.headers["Authorization"] = secret
            else:
                user, _, password = secret.partition(":")
                self.session.auth = HTTPBasicAuth(user.encode(), password.encode())

    def __enter__(self) -> "Web":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def echo(self) -> str:
        """Search for one study."""
        self.json("/studies", limit=1)
        return "DICOMweb answers"

    def pages(self, cursor: str) -> Iterator[Page]:
        """Every radiograph of the last days, and what else their studies hold.

        The cursor is the day of the last search, so that days in which nobody searched are not
        left out.
        """
        today = datetime.date.today()
        since = {}
        if self.days is not None:
            last = datetime.date.fromisoformat(cursor) if cursor else today
            first = last - datetime.timedelta(days=self.days)
            since = {"StudyDate": f"{first:%Y%m%d}-"}
        studies: set[str] = set()
        for modality in MODALITIES:
            for rows in self._search("/instances", Modality=modality, **since):
                found = [_instance(row) for row in rows]
                studies |= {one.study for one in found}
                wanted = [one for one in found if one.sop_class in RADIOGRAPHS]
                yield Page(cursor, wanted, _counted(found), whole=True)
        others: Counter[tuple[str, str]] = Counter()
        for study in sorted(studies):
            for rows in self._search(f"/studies/{study}/series", includefield="00201209"):
                for row in rows:
                    if (modality := _text(row, MODALITY)) not in MODALITIES:
                        number = _value(row, "00201209") or 1
                        others[_text(row, SERIES), modality] += int(number)
        yield Page(today.isoformat(), [], dict(others), whole=True)

    def fetch(self, instance: Instance) -> bytes:
        """The file as the peer has it, in the transfer syntax that it is stored in."""
        one = f"/studies/{instance.study}/series/{instance.series}/instances/{instance.sop}"
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        answer = self.ask("GET", one, headers={"Accept": accept})
        if answer.status_code in (404, 410):
            raise AbsentError
        if answer.status_code == 403:  # one patient may be locked; who is asked next tells
            raise UnfitError(f"{self.name}: does not give us an object (403)", "answer_403")
        self.check(answer)
        return _only_part(answer)

    def store(self, files: Sequence[tuple[str, str, Path]]) -> dict[str, Answer]:
        """One request for all: what failed is named in its answer (PS3.18 10.5.3)."""
        boundary = secrets.token_hex(16)
        parts = [
            b"--%s\r\nContent-Type: application/dicom\r\n\r\n" % boundary.encode()
            + path.read_bytes()
            + b"\r\n"
            for _, _, path in files
        ]
        body = b"".join(parts) + b"--%s--\r\n" % boundary.encode()
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        answer = self.ask("POST", "/studies", data=body, headers=headers)
        sops = [sop for sop, _, _ in files]
        code = answer.status_code
        if code in BUSY:
            return dict.fromkeys(sops, Answer("later", str(code), _retry_after(answer)))
        if code in (200, 202, 409):
            return _stored(sops, code, _json(answer))
        if 400 <= code < 500 and code not in (401, 403, 404, 405, 407):
            return dict.fromkeys(sops, Answer("refused", str(code)))
        self.check(answer)
        return dict.fromkeys(sops, Answer("refused", str(code)))

    def json(self, path: str, **query: Any) -> Any:
        """What a search finds; an empty list where it finds nothing."""
        headers = {"Accept": "application/dicom+json"}
        answer = self.ask("GET", path, params=query, headers=headers)
        self.check(answer)
        if answer.status_code == 204 or not answer.content:
            return []
        if not isinstance(told := _json(answer), list):
            said = f"{self.name}: `dicomweb` is no address of DICOMweb; correct it"
            raise UnfitError(said, "no_dicomweb")
        return told

    def ask(self, method: str, path: str, base: str = "", **how: Any) -> requests.Response:
        """An answer, whatever it says; AwayError, DeniedError or UnfitError where there is none."""
        url = (base or str(self.peer.dicomweb)) + path
        try:
            with self.session.request(
                method, url, timeout=self.peer.timeout_s, allow_redirects=False, stream=True, **how
            ) as answer:
                _read(answer, self.name)
                return answer
        except requests.exceptions.SSLError:
            raise DeniedError(
                f"{self.name}: its certificate cannot be trusted, or it will not have ours; name "
                "the right ca (certificate, key) in the file of the peers"
            ) from None
        except requests.exceptions.InvalidURL:
            said = f"{self.name}: its address cannot be used; correct it"
            raise UnfitError(said, "no_address") from None
        except (requests.RequestException, OSError) as error:
            raise AwayError(
                f"{self.name}: does not answer ({_kind(error)}); nothing is lost, it is tried again"
            ) from None

    def check(self, answer: requests.Response) -> None:
        """Raise for an answer that is none: AwayError, DeniedError or UnfitError."""
        code = answer.status_code
        if code in (401, 403):
            raise DeniedError(
                f"{self.name}: refuses the credentials ({code}); correct the file that "
                "`credentials` names"
            )
        if code in BUSY:
            raise AwayError(f"{self.name}: cannot now ({code}); nothing is lost, it is tried again")
        if not 200 <= code < 300:
            said = f"{self.name}: answers with {code}; correct its address"
            raise UnfitError(said, f"answer_{code}")

    def _search(self, path: str, **query: Any) -> Iterator[list[Any]]:
        """Rows in pages; a peer that knows no offset answers with the same again and is believed
        once."""
        offset, before = 0, None
        while rows := self.json(path, limit=PAGE_ROWS, offset=offset, **query):
            if rows == before:
                return
            yield rows
            if len(rows) < PAGE_ROWS:
                return
            offset, before = offset + len(rows), rows


def _instance(row: Any) -> Instance:
    return Instance(*(_text(row, tag) for tag in (SOP, SOP_CLASS, SERIES, STUDY, MODALITY)))


def _counted(found: Sequence[Instance]) -> dict[tuple[str, str], int]:
    """What among radiographs' modalities is none for presentation."""
    return dict(Counter((one.series, "class") for one in found if one.sop_class not in RADIOGRAPHS))


def _value(row: Any, tag: str) -> Any:
    try:
        return row[tag]["Value"][0]
    except (KeyError, IndexError, TypeError):
        return None


def _text(row: Any, tag: str) -> str:
    return str(_value(row, tag) or "")


def _stored(sops: Sequence[str], code: int, told: Any) -> dict[str, Answer]:
    """A sequence of failures may be there and empty: then all is stored."""
    failed: dict[str, Answer] = {}
    items = told.get(FAILED, {}).get("Value") or [] if isinstance(told, dict) else []
    for item in items:
        failed[_text(item, REFERENCED)] = answer_of(int(_value(item, REASON) or 0x0110))
    if code == 409 and not failed:
        return dict.fromkeys(sops, Answer("refused", "409"))
    return {sop: failed.get(sop, Answer("stored")) for sop in sops}


def _only_part(answer: requests.Response) -> bytes:
    """The first part of a multipart body; the whole body of an answer that is no multipart."""
    kind = answer.headers.get("Content-Type", "")
    body = answer.content
    if not kind.lower().startswith("multipart/"):
        return body
    body = body.removeprefix(b"\r\n")
    start = body.find(b"\r\n\r\n")
    boundary = body[: body.find(b"\r\n")]
    end = body.find(b"\r\n" + boundary, start + 4)
    if start < 0 or end < 0:
        raise AwayError("a file came in pieces; it is fetched again")
    return body[start + 4 : end]


def _read(answer: requests.Response, name: str) -> None:
    """Take the body, of a size that a radiograph can have."""
    taken, size = [], 0
    for piece in answer.iter_content(2**16):
        taken.append(piece)
        size += len(piece)
        if size > max(LARGEST_FILE_BYTES, LONGEST_ANSWER_BYTES) + 2**16:
            raise UnfitError(f"{name}: an answer has more than {size >> 20} MiB", "too_large")
    answer._content = b"".join(taken)


def _json(answer: requests.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def _retry_after(answer: requests.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else 0.0


def _kind(error: BaseException) -> str:
    text = str(error)
    for mark, word in (
        ("refused", "connection refused"), ("timed out", "no answer in time"),
        ("Name or service", "its name is unknown"), ("resolve", "its name is unknown"),
    ):  # fmt: skip
        if mark in text:
            return word
    return type(error).__name__
