"""A real PACS, a workspace that knows it, and radiographs that were scored once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from pneumo.findings import write
from pneumo.pacs.confirm import confirm
from pneumo.pacs.fetch import fetch
from pneumo.pacs.ledger import opened
from pneumo.pacs.peers import Site, load_site
from pneumo.pacs.poll import poll
from pneumo.pacs.record import record
from pneumo.pacs.send import send
from pneumo.pacs.status import status
from pneumo.scoring.score import score
from pneumo.synthetic.export import write_dicom
from pneumo.synthetic.plan import plan
from pneumo.synthetic.radiograph import draw
from tests.pacs.archive import USER, Archive
from tests.pacs.fault_server import Faults


@pytest.fixture(scope="session")
def shared_archive(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("orthanc")).start()
    yield archive
    archive.stop()


@pytest.fixture
def archive(shared_archive):
    """An empty PACS."""
    shared_archive.wipe()
    return shared_archive


@pytest.fixture
def own_archive(tmp_path):
    """A PACS that the test may stop."""
    archive = Archive(tmp_path / "orthanc").start()
    yield archive
    archive.stop()


@pytest.fixture
def faults(archive):
    server = Faults(archive.url)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory) -> list[Path]:
    """Six synthetic radiographs of six people."""
    folder = tmp_path_factory.mktemp("radiographs")
    cases = {case.person: case for case in plan(30, seed=5)}
    for number, case in enumerate(list(cases.values())[:6]):
        write_dicom(folder / f"{number}.dcm", case, draw(case)[0])
    return sorted(folder.iterdir())


@dataclass
class Workspace:
    """A folder with a file of peers, and every step as a person would call it."""

    folder: Path
    package: Path
    settings: object
    made: Callable[[], Path] | None = None
    """Gives the folder of what was scored before; only tests that need it wait for it."""

    @property
    def template(self) -> Path:
        return self.made()

    def knows(self, archive: Archive, url: str = "", **more) -> "Workspace":
        url = url or archive.url
        (self.folder / "credentials").write_text(f"{USER}:{archive.password}\n")
        (self.folder / "credentials").chmod(0o600)
        peer = {"dicomweb": f"{url}/dicom-web", "orthanc": url, "timeout_s": 20.0,
                "credentials": str(self.folder / "credentials")}  # fmt: skip
        about = {"folder": str(self.folder / "pacs"), "source": "archive",
                 "destination": "archive", "peers": {"archive": peer | more}}  # fmt: skip
        self.write(about)
        return self

    def write(self, about: dict) -> None:
        for peer in about["peers"].values():
            for name in [name for name, value in peer.items() if value is None]:
                del peer[name]
        (self.folder / "pacs.yaml").write_text(yaml.safe_dump(about))

    @property
    def site(self) -> Site:
        return load_site(self.folder / "pacs.yaml")

    def rows(self, table: str = "radiographs", *columns: str) -> list:
        with opened(self.site.path()) as ledger:
            found = ledger.rows(f"SELECT * FROM {table}")
        return [tuple(row[c] for c in columns) for row in found] if columns else found

    def fetched(self) -> dict:
        poll(self.site)
        return fetch(self.site)

    def scored(self) -> None:
        """Score what waits and write its objects; or take what was scored and written before,
        since the same radiographs have the same results and objects."""
        site = self.site
        inbox, results = site.path("radiographs"), site.path("results")
        if self.made is None:
            score([inbox], results, str(self.package), score=self.settings)
            write(results, site.path("objects"))
        else:
            for name in ("results", "objects"):
                copytree(self.template / name, site.path(name), dirs_exist_ok=True)
        record(site)

    def trip(self) -> dict:
        """The whole way there and back; what ``status`` says in the end."""
        if self.fetched()["to_score"]:
            self.scored()
        send(self.site)
        confirm(self.site)
        return status(self.site)


@pytest.fixture
def real_workspace(tmp_path, package_folder, settings, cache) -> Workspace:
    """A workspace in which every radiograph is scored."""
    chosen = settings.score.model_copy(update={"engine": "openvino", "overlays": "none"})
    return Workspace(tmp_path, package_folder, chosen)


@pytest.fixture(scope="session")
def template(tmp_path_factory, shared_archive, radiographs, package_folder, settings, cache_home):
    """Results and objects of all radiographs, as they are when they come from a PACS."""
    chosen = settings.score.model_copy(update={"engine": "openvino", "overlays": "none"})
    made = Workspace(tmp_path_factory.mktemp("template"), package_folder, chosen)
    held = [shared_archive.bytes_of(sop) for sop in shared_archive.held()]
    shared_archive.wipe()
    shared_archive.put(*radiographs)
    made.knows(shared_archive).fetched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        made.scored()
    shared_archive.wipe()
    for data in held:  # what the test that came first has put there
        shared_archive.ask("POST", "/instances", data=data).raise_for_status()
    return made.site.path()


@pytest.fixture
def workspace(tmp_path, settings, request) -> Workspace:
    """A workspace in which what was scored once is taken up."""

    def made() -> Path:
        return request.getfixturevalue("template")

    return Workspace(tmp_path, Path(), settings.score, made)
