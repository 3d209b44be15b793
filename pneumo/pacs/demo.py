"""A PACS on this machine for a try: Orthanc on 127.0.0.1, ten radiographs, there and back."""

import json
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml
from rich.console import Console

from pneumo.base.errors import PneumoError, ServiceError
from pneumo.base.files import write_text
from pneumo.pacs.ledger import looked_at
from pneumo.pacs.peers import Site, load_site
from pneumo.pacs.status import status
from pneumo.servers import Services, environment, follow, processes
from pneumo.servers.config import instance, load
from pneumo.synthetic.export import write_dicom
from pneumo.synthetic.plan import plan
from pneumo.synthetic.radiograph import draw

RADIOGRAPHS, SEED = 10, 20
USER, FOLDER, PEERS = "pneumo", "data/pacs-demo", "pacs.yaml"
MARK = "# Written by `make pacs-demo`, which writes it anew; a site's own file has no such line.\n"
INSTALL = "sudo apt-get install --no-install-recommends orthanc orthanc-dicomweb"
PLUGINS = ("/usr/lib/orthanc", "/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins")
START_LIMIT_S = 60.0


def refuse_missing(workspace: Path) -> None:
    """Raise PneumoError where Orthanc is missing, or a site's own file is in the way."""
    program()
    path = workspace / PEERS
    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        raise PneumoError(f"{path}: names a PACS of yours; move it away to try the demo's")


def program() -> tuple[str, Path]:
    """Orthanc and its DICOMweb plugin. PneumoError says the one command that installs both."""
    found = shutil.which("Orthanc", path="/usr/local/sbin:/usr/sbin:/usr/bin")
    plugins = [p for folder in PLUGINS for p in Path(folder).glob("libOrthancDicomWeb.so*")]
    if found is None or not plugins:
        raise PneumoError(
            f"Orthanc with DICOMweb is not installed; run `{INSTALL}`, then this again (Debian "
            "starts it as a service for everybody, too: `sudo systemctl disable --now orthanc`)"
        )
    return found, plugins[0]


def run(services: Services, console: Console) -> dict[str, Any]:
    """Start the PACS, store ten radiographs, run the DAG on them. Returns what there is then."""
    url, password = start(services.workspace)
    site = _peers(services.workspace, url)
    before = _confirmed(site)
    paths = list(_radiographs(services.workspace / FOLDER / "drawn"))
    for path in paths:
        _ask("POST", f"{url}/instances", password, data=path.read_bytes())
    console.print(f"{len(paths)} synthetic radiographs are in the PACS", highlight=False)
    follow.run_dag(services, "pneumonia_pacs", {}, console=console)
    deadline = time.monotonic() + START_LIMIT_S
    while (found := status(site))["states"]["confirmed"] == before and time.monotonic() < deadline:
        time.sleep(1)  # the run that the schedule had begun did the work, or does it
    (study,) = _ask("POST", f"{url}/tools/find", password, json=_find(site)).json()[:1] or [""]
    page = f"{url}/app/explorer.html#study?uuid={study}" if study else f"{url}/app/explorer.html"
    return found | {"page": page, "user": USER, "password_file": str(_secret(services.workspace))}


def start(workspace: Path) -> tuple[str, str]:
    """Start Orthanc unless it runs; returns its address and the password of ``pneumo``."""
    orthanc, plugin = program()
    home = _home(workspace)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret, record = _secret(workspace), workspace / ".pneumo" / "run" / "orthanc.json"
    if not secret.exists():
        write_text(secret, f"{USER}:{secrets.token_urlsafe(18)}\n", mode=0o600)
    password = secret.read_text(encoding="utf-8").strip().partition(":")[2]
    config = home / "orthanc.json"
    if not _runs(workspace, record):
        written = _config(home, plugin, password)
        write_text(config, json.dumps(written, indent=2) + "\n", mode=0o600)
        marked = environment.of_servers(load(workspace), "orthanc")
        relay = [sys.executable, "-m", "pneumo.pacs._relay", str(written["HttpPort"])]
        line = [*relay, "socket", orthanc, str(config)]  # beside the log: such names are short
        processes.start(line, marked, home / "orthanc.log", record)
    url = f"http://127.0.0.1:{json.loads(config.read_text(encoding='utf-8'))['HttpPort']}"
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and _runs(workspace, record):
        try:
            _ask("GET", f"{url}/system", password)
            return url, password
        except requests.RequestException:
            time.sleep(0.2)
    raise ServiceError(f"Orthanc does not start:\n{processes.tail(home / 'orthanc.log')}")


def _runs(workspace: Path, record: Path) -> bool:
    """Whether the PACS of this checkout runs; the record of a copied one names its original's."""
    process = processes.recorded(record)
    try:
        mark = process.environ().get("PNEUMO_INSTANCE") if process else None
    except (psutil.Error, OSError):
        return False
    return mark is not None and mark == instance(workspace)


def _config(home: Path, plugin: Path, password: str) -> dict[str, Any]:
    """HTTP alone, for this machine alone: see ``_relay``."""
    return {
        "Name": "pneumo demo",
        "StorageDirectory": str(home / "database"),
        "IndexDirectory": str(home / "database"),
        "HttpPort": _free_port(),
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: password},
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


def _peers(workspace: Path, url: str) -> Site:
    peer = {"dicomweb": f"{url}/dicom-web", "orthanc": url}
    peer["credentials"] = str(_secret(workspace))
    folder = str(workspace / FOLDER)
    about = {"folder": folder, "source": "demo", "destination": "demo", "peers": {"demo": peer}}
    write_text(workspace / PEERS, MARK + yaml.safe_dump(about, sort_keys=False))
    return load_site(workspace / PEERS)


def _radiographs(folder: Path) -> Iterator[Path]:
    """Draw what is not there yet; other ones than those of ``make demo``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(plan(3 * RADIOGRAPHS, SEED)[:RADIOGRAPHS]):
        path = folder / f"{number}.dcm"
        if not path.exists():
            write_dicom(path, case, draw(case)[0])
        yield path


def _confirmed(site: Site) -> int:
    with looked_at(site.path()) as ledger:
        return ledger.counts()["confirmed"]


def _find(site: Site) -> dict[str, Any]:
    """Orthanc's question for a study that has a report of ours."""
    with looked_at(site.path()) as ledger:
        rows = ledger.rows("SELECT study FROM objects WHERE kind = 'sr' ORDER BY sop LIMIT 1")
    study = rows[0]["study"] if rows else ""
    return {"Level": "Study", "Query": {"StudyInstanceUID": study}}


def _ask(method: str, url: str, password: str, **how: Any) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    answer = session.request(method, url, auth=(USER, password), timeout=30, **how)
    answer.raise_for_status()
    return answer


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _home(workspace: Path) -> Path:
    return workspace / ".pneumo" / "pacs"


def _secret(workspace: Path) -> Path:
    return _home(workspace) / "credentials"
