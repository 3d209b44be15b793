"""Who is asked and who is sent to: the site's PACS, in a file of its own (``pacs.yaml``).

Secrets are in files that only their owner may read, and no message repeats a value of either.
"""

import os
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from pneumo.base.errors import SettingsError

VARIABLE = "PNEUMO_PACS"
"""Environment variable: the file of the peers, when it is not ``pacs.yaml``."""

Title = Annotated[str, StringConstraints(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")]
"""An application entity's title: 1 to 16 characters without a backslash (PS3.5 6.2)."""

Port = Annotated[int, Field(ge=1, le=65535)]
OPEN_BITS = stat.S_IRWXG | stat.S_IRWXO


class Section(BaseModel):
    """A group of settings; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Peer(Section):
    """A PACS: a DICOMweb address, or an application entity's title, host and port, or both."""

    dicomweb: str | None = None
    """Where QIDO-RS, WADO-RS and STOW-RS begin, such as ``https://pacs.example/dicom-web``."""
    orthanc: str | None = None
    """Orthanc's own REST address, whose list of changes says what is new without a search."""
    credentials: str | None = None
    """File of mode 0600 with ``USER:PASSWORD``, or ``Bearer TOKEN``."""
    ae_title: Title | None = None
    host: str | None = Field(default=None, min_length=1)
    port: Port | None = None
    tls: bool = False
    """For DIMSE; DICOMweb has it where the address says https."""
    ca: str | None = None
    """File with the certificates that the peer's is held against; without: the system's."""
    certificate: str | None = None
    """File with the certificate that we show, and ``key``, of mode 0600, that of its key."""
    key: str | None = None
    commitment_port: Port | None = None
    """Also ask for storage commitment, and wait for the answer on this port of ours."""
    commitment_host: str = Field(default="127.0.0.1", min_length=1)
    timeout_s: float = Field(default=30, gt=0, le=600)

    @field_validator("dicomweb", "orthanc")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address that begins with http:// or https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must hold no user or password; put them into `credentials`, a file")
        if parts.query or parts.fragment:
            raise ValueError("must hold no ? or #")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_whole(self) -> "Peer":
        dimse = (self.ae_title, self.host, self.port)
        if any(part is not None for part in dimse) and None in dimse:
            raise ValueError("ae_title, host and port belong together")
        if self.dicomweb is None and self.host is None:
            raise ValueError("needs dicomweb, or ae_title, host and port")
        if self.orthanc is not None and self.dicomweb is None:
            raise ValueError("orthanc needs dicomweb beside it, by which files are fetched")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if self.commitment_port is not None and self.host is None:
            raise ValueError("commitment_port needs ae_title, host and port")
        return self


class Receiver(Section):
    """What ``pneumo pacs receive`` listens on, and who may call."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: Port = 11112
    callers: list[Title] = Field(min_length=1)
    """The titles that may send; others are refused."""
    associations: int = Field(default=8, ge=1, le=100)
    timeout_s: float = Field(default=30, gt=0, le=600)
    free_mb: int = Field(default=1024, ge=0)
    """Room that must be left on the disk, or senders are told that there is none."""
    certificate: str | None = None
    key: str | None = None
    ca: str | None = None
    """Callers must show a certificate that one of these has signed."""

    @model_validator(mode="after")
    def _is_whole(self) -> "Receiver":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if self.ca is not None and self.certificate is None:
            raise ValueError("ca needs certificate and key beside it")
        return self


class Site(Section):
    """All of the file."""

    ae_title: Title = "PNEUMO"
    """Ours, by which peers know us."""
    folder: str = Field(default="data/pacs", min_length=1)
    """Ledger, inbox, radiographs, results, objects and audit trail."""
    source: str | None
    """The peer whose radiographs are scored; null: only those that come into the inbox."""
    destination: str
    """The peer that gets the objects; mostly the same."""
    days: int | None = Field(default=3, ge=1)
    """Where a search says what is new: how many days of studies it goes back; null: all."""
    peers: dict[str, Peer] = Field(min_length=1)
    receiver: Receiver | None = None
    syslog: str | None = Field(
        default=None, pattern=r"^(udp|tcp|tls)://[A-Za-z0-9.:\[\]-]+:\d{1,5}$"
    )
    """Where the audit trail goes beside its file: ``tls://HOST:PORT``."""
    syslog_ca: str | None = None

    @model_validator(mode="after")
    def _names_peers(self) -> "Site":
        named = {"source": self.source, "destination": self.destination}
        unknown = [n for n, peer in named.items() if peer is not None and peer not in self.peers]
        if unknown:
            raise ValueError(f"{' and '.join(unknown)} must name a peer of `peers`")
        return self

    def path(self, *names: str) -> Path:
        """A place below ``folder``."""
        return Path(self.folder, *names)


def site_file(path: Path | None = None) -> Path:
    """The file that ``path`` names, or the environment, or ``pacs.yaml``."""
    return path or Path(os.environ.get(VARIABLE) or "pacs.yaml")


def load_site(path: Path) -> Site:
    """Read the file of the peers. Raises SettingsError with all faults at once, and no value."""
    where = str(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            where, ["there is no such file; docs/pacs.md has one to start from"]
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise SettingsError(where, [f"is no YAML{line}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(where, [f"cannot be read ({type(error).__name__})"]) from None
    if not isinstance(raw, dict):
        raise SettingsError(where, ["must hold named settings; docs/pacs.md has an example"])
    faults: list[str] = []
    site = None
    try:
        site = Site.model_validate(raw)
    except ValidationError as error:
        faults = [_fault(item) for item in error.errors(include_input=False, include_url=False)]
        faults += [fault for fault in _unnamed(raw) if fault not in faults]
    faults += _faults_of_files(raw)
    if faults or site is None:
        raise SettingsError(where, faults)
    return site


def _unnamed(raw: dict[str, Any]) -> list[str]:
    """What should name a peer and does not, also where other settings are wrong."""
    peers = raw.get("peers")
    if not isinstance(peers, dict):
        return []
    named = {n: raw[n] for n in ("source", "destination") if isinstance(raw.get(n), str)}
    unknown = [n for n, peer in named.items() if peer not in peers]
    return [f"{' and '.join(unknown)} must name a peer of `peers`"] if unknown else []


def _fault(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where}: unknown"
    if item["type"] == "missing":
        return f"{where}: missing"
    said = item["msg"].removeprefix("Value error, ")
    return f"{where}: {said[0].lower()}{said[1:]}" if where else said


def _faults_of_files(raw: dict[str, Any]) -> list[str]:
    """What is wrong with the files that are named, also where other settings are wrong."""
    faults = []
    if isinstance(raw.get("syslog_ca"), str):
        fault = _fault_of_file(Path(raw["syslog_ca"]), "ca")
        faults += [f"syslog_ca: {fault}"] if fault else []
    peers = raw.get("peers")
    holders: dict[str, Any] = {"receiver": raw.get("receiver")}
    holders |= {f"peers.{n}": p for n, p in peers.items()} if isinstance(peers, dict) else {}
    for holder, values in holders.items():
        if isinstance(values, dict):
            for kind in ("credentials", "ca", "certificate", "key"):
                if isinstance(values.get(kind), str):
                    fault = _fault_of_file(Path(values[kind]), kind)
                    faults += [f"{holder}.{kind}: {fault}"] if fault else []
    return faults


def _fault_of_file(path: Path, kind: str) -> str:
    try:
        status = path.stat()
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return f"cannot be read ({type(error).__name__})"
    if kind in ("credentials", "key") and status.st_mode & OPEN_BITS:
        return "others may read the file; chmod 600 it"
    if kind == "credentials":
        line = text.strip()
        if "\n" in line or not (line.startswith("Bearer ") or ":" in line.strip(":")):
            return "must hold one line, USER:PASSWORD or Bearer TOKEN"
    return ""


def secret_of(peer: Peer) -> str | None:
    """The line of the credentials' file, read when it is needed; None for a peer without."""
    if peer.credentials is None:
        return None
    path = Path(peer.credentials)
    if fault := _fault_of_file(path, "credentials"):
        raise SettingsError("credentials", [fault])
    return path.read_text(encoding="utf-8").strip()


def is_read_on_the_way(peer: Peer) -> bool:
    """Whether credentials leave this machine without encryption: http, and no loopback address."""
    if peer.credentials is None:
        return False
    parts = [urlsplit(address) for address in (peer.dicomweb, peer.orthanc) if address]
    return any(p.scheme == "http" and not _is_here(str(p.hostname)) for p in parts)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
