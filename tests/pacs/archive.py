"""A PACS for tests: Debian's Orthanc on 127.0.0.1, with DICOMweb, on free ports."""

import json
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass

USER = "pneumo"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


class Archive:
    """One Orthanc, which may be stopped, killed, and started again with what it holds."""

    def __init__(self, folder: Path, **more) -> None:
        self.folder, self.more = folder, more
        self.password = secrets.token_urlsafe(12)
        self.port, self.dicom_port, self.callback_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.web = f"{self.url}/dicom-web"
        self.process = None

    def start(self) -> "Archive":
        self.folder.mkdir(parents=True, exist_ok=True)
        plugin = next(Path("/usr/lib/orthanc").glob("libOrthancDicomWeb.so*"), None)
        if shutil.which("Orthanc") is None or plugin is None:
            pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
        config = {
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "HttpPort": self.port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ARCHIVE",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: self.password},
            "DicomModalities": {
                "pneumo": {
                    "AET": "PNEUMO", "Host": "127.0.0.1", "Port": self.callback_port,
                    "AllowStorageCommitment": True,
                }
            },
            "DicomAlwaysAllowGet": True,
            "DicomCheckCalledAet": False,
            "TcpNoDelay": True,
            "Plugins": [str(plugin)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self.more,
        }  # fmt: skip
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        with (self.folder / "orthanc.log").open("ab") as log:
            self.process = subprocess.Popen(["Orthanc", path], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.ask("GET", "/system").ok:
                    return self
            except requests.RequestException:
                assert self.process.poll() is None, (self.folder / "orthanc.log").read_text()
            time.sleep(0.1)
        raise AssertionError("Orthanc does not start")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, method: str, path: str, **how) -> requests.Response:
        auth = (USER, self.password)
        return requests.request(method, self.url + path, auth=auth, timeout=30, **how)

    def put(self, *paths: Path) -> None:
        for path in paths:
            self.ask("POST", "/instances", data=path.read_bytes()).raise_for_status()

    def wipe(self) -> None:
        for patient in self.ask("GET", "/patients").json():
            self.ask("DELETE", f"/patients/{patient}").raise_for_status()

    def client(self) -> DICOMwebClient:
        """Somebody else's client, which shares no mistake with ours."""
        session = create_session_from_user_pass(username=USER, password=self.password)
        return DICOMwebClient(self.web, session=session)

    def held(self) -> dict[str, str]:
        """SOP Instance UID -> modality of all that it holds, by QIDO-RS."""
        rows = self.client().search_for_instances(fields=["00080060"])
        found = [(row["00080018"]["Value"][0], row["00080060"]["Value"][0]) for row in rows]
        assert len(found) == len(dict(found))
        return dict(found)

    def bytes_of(self, sop: str) -> bytes:
        """The file as it is kept, by Orthanc's own REST API."""
        (one,) = self.ask("POST", "/tools/lookup", data=sop).json()
        return self.ask("GET", f"/instances/{one['ID']}/file").content
