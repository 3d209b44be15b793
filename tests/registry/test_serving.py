"""The ensemble under MLflow's own server, as its users start and ask it."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from pneumo.detection.ensemble import CELLS, image_level
from pneumo.dicom import read_square
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.registry import store
from pneumo.registry.register import register_ensemble
from pneumo.tracking.runs import client, start_run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cache", "mlflow_store")]


@pytest.fixture
def server(package_folder, cache, tmp_path):
    """``mlflow models serve`` with a registered ensemble that is champion; its port."""
    line = re.search(r"^    (mlflow models serve .*)$", README, re.M)[1]
    files = {p.name: p for p in package_folder.iterdir() if p.name != "manifest.json"}
    run_id = start_run(client(), "ensemble", {}, {})
    version = register_ensemble(client(), files, {}, run_id)
    store.move_alias(client(), store.CHAMPION, version.version)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    with (tmp_path / "log").open("w") as log:
        words = re.sub(r"-p \d+", f"-p {port}", line)
        process = subprocess.Popen(
            ["bash", "-c", f"exec {words}"], env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(port, process, tmp_path / "log")
            yield port
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def wait_for(port, process, log):
    for _ in range(240):
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 200:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.5)
    pytest.fail(log.read_text())


def test_the_readmes_lines_serve_the_champion_and_bad_input_gets_400(
    server, demo_root, package_folder, tmp_path
):
    radiograph = sorted((demo_root / "stage_2_train_images").glob("*.dcm"))[0]
    line = re.search(r"^    (base64 -w0 (?:.*\\\n)*.*)$", README, re.M)[1]
    line = line.replace("FILE.dcm", str(radiograph)).replace("5001", str(server))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout)["predictions"]
    engine = open_engine(Package(package_folder), "openvino")
    (probability,) = engine.probabilities(read_square(radiograph, 32).pixels[None])
    assert found["probability"] == pytest.approx(float(image_level(probability, CELLS)), abs=1e-5)
    assert {"x", "y", "width", "height", "confidence"} == set(json.loads(found["boxes"])[0])

    def ask(*texts, column="dicom_base64"):
        body = {"dataframe_split": {"columns": [column], "data": [[text] for text in texts]}}
        return httpx.post(f"http://127.0.0.1:{server}/invocations", json=body, timeout=60)

    whole = base64.b64encode(radiograph.read_bytes()).decode()
    both = ask(whole, whole)
    assert both.status_code == 200
    assert both.json()["predictions"] == [found, found]
    for texts, said in (
        (["%%%"], "row 0: dicom_base64 is not base64"),
        ([base64.b64encode(b"nothing").decode()], "row 0: is no DICOM file"),
        ([whole, whole[:4000]], "row 1: "),
        ([whole] * 65, "a request takes 1 to 64 radiographs"),
    ):
        answer = ask(*texts)
        assert answer.status_code == 400, answer.text
        assert said in answer.json()["message"]
        assert str(tmp_path) not in answer.text
    assert ask(whole, column="other").status_code == 400
