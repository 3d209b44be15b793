"""What the PACS of the demo needs, and what it leaves alone; `test_end_to_end.py` runs it."""

import json

import pytest

from pneumo.base.errors import PneumoError
from pneumo.pacs import demo
from pneumo.pacs.peers import load_site


@pytest.mark.parametrize("missing", ["program", "plugin"])
def test_where_the_package_is_missing_it_says_the_one_command(monkeypatch, tmp_path, missing):
    if missing == "program":
        monkeypatch.setattr(demo.shutil, "which", lambda *_, **__: None)
    else:
        monkeypatch.setattr(demo, "PLUGINS", (str(tmp_path),))
    with pytest.raises(PneumoError) as error:
        demo.refuse_missing(tmp_path)
    assert "`sudo apt-get install --no-install-recommends orthanc orthanc-dicomweb`" in str(
        error.value
    )
    assert "\n" not in str(error.value)


def test_a_file_of_peers_that_is_the_sites_own_is_not_overwritten(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "program", lambda: ("Orthanc", tmp_path))
    demo.refuse_missing(tmp_path)
    (tmp_path / "pacs.yaml").write_text("source: ours\n")
    with pytest.raises(PneumoError, match="names a PACS of yours"):
        demo.refuse_missing(tmp_path)
    (tmp_path / "pacs.yaml").write_text(demo.MARK + "source: demo\n")
    demo.refuse_missing(tmp_path)


def test_what_it_writes_can_be_read_and_lets_no_other_machine_in(tmp_path):
    written = demo._config(tmp_path, tmp_path / "plugin.so", "secret")
    assert json.loads(json.dumps(written)) == written
    assert written["DicomServerEnabled"] is written["RemoteAccessAllowed"] is False
    assert written["AuthenticationEnabled"] is True
    secret = demo._secret(tmp_path)
    secret.parent.mkdir(parents=True)
    secret.write_text("pneumo:secret")
    secret.chmod(0o600)
    site = demo._peers(tmp_path, "http://127.0.0.1:1")
    assert load_site(tmp_path / "pacs.yaml") == site
    assert "secret" not in (tmp_path / "pacs.yaml").read_text().replace(str(secret), "")
