"""What is said of an MLflow that does not answer as one: a line, soon, by every command."""

import http.server
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pneumo.cli.app import main
from pneumo.registry import reach, store
from tests.mlflow_servers import Server, black_hole, free_port

pytestmark = [pytest.mark.slow, pytest.mark.outage]

ROOT = Path(__file__).parents[2]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
LOGIN = ("USERNAME", "PASSWORD", "TOKEN", "AUTH", "INSECURE_TLS", "SERVER_CERT_PATH")
PAGE = b"<!doctype html><html><body>Hospital proxy: please log in</body></html>"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in LOGIN:
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


class Answers(http.server.BaseHTTPRequestHandler):
    """Gives every question the one answer that its server holds."""

    def do_GET(self):
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_CONNECT = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def server(
    status: int = 200, body: bytes = b"{}", certificate: Path | None = None
) -> Iterator[int]:
    """A web server with one answer, over TLS with a certificate; gives its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        running.answer = status, body
        running.handle_error = lambda *_: None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself."""
    import ipaddress

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def said(uri: str) -> tuple[int, str]:
    """Exit code and line for what is at ``uri``; 0 when it answers as MLflow."""
    fault = reach.fault(uri)
    assert "\n" not in str(fault)
    return (fault.exit_code, str(fault)) if fault else (0, "")


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (200, b"{}", 0, ""),
        (200, b'{"registered_models": [{"name": "pneumonia-ensemble"}]}', 0, ""),
        (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}', 0, ""),
        (401, b"You are not authenticated.", 2, "refuses the login (401); check MLFLOW_TRACKING_"),
        (403, b"Permission denied", 2, "access is forbidden (403)"),
        (403, PAGE, 2, "name the host in NO_PROXY"),
        (407, PAGE, 2, "access is forbidden (407)"),
        (200, PAGE, 2, "is no MLflow, it answers 200 OK with a web page"),
        (200, b"", 2, "is no MLflow"),
        (404, PAGE, 2, "is no MLflow, it answers 404 Not Found with a web page"),
        (400, b"The plain HTTP request was sent to HTTPS port", 2, "write https:// for http://"),
        (429, b"slow down", 1, "the server fails (429 Too Many Requests)"),
        (500, b'{"error_code": "INTERNAL_ERROR"}', 1, "the server fails (500"),
        (502, PAGE, 1, "the server fails (502 Bad Gateway)"),
        (503, b"", 1, "the server fails (503 Service Unavailable)"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/", "/mlflow", "/mlflow/"])
def test_an_answer_is_told_apart(status, body, code, words, prefix):
    with server(status, body) as port:
        found = said(f"http://127.0.0.1:{port}{prefix}")
    assert found[0] == code
    assert words in found[1]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("127.0.0.1:5000", "'127.0.0.1:5000' has no scheme; write http://127.0.0.1:5000"),
        ("localhost:5000", "has no scheme; write http://localhost:5000"),
        ("mlflow.example/mlflow", "has no scheme; write http://mlflow.example/mlflow"),
        ("http://", "write http://HOST:PORT"),
        ("http://127.0.0.1:port", "write http://HOST:PORT"),
        ("https://[::1", "write http://HOST:PORT"),
    ],
)
def test_what_is_no_address_is_a_mistake(uri, words):
    code, line = said(uri)
    assert code == 2
    assert line.startswith("MLFLOW_TRACKING_URI: ")
    assert words in line


@pytest.mark.parametrize("uri", ["sqlite:////tmp/mlflow.db", "databricks", "databricks://ours"])
def test_a_store_that_is_no_server_is_not_asked(uri):
    assert said(uri) == (0, "")


def test_an_address_without_a_server_names_what_starts_one():
    port = free_port()
    line = f"no MLflow at http://127.0.0.1:{port}; run pneumo up"
    assert said(f"http://127.0.0.1:{port}") == (1, line)
    code, line = said("http://mlflow.invalid:5000")
    assert (code, line.startswith("no MLflow at http://mlflow.invalid:5000; ")) == (1, True)
    assert "pneumo up" not in line


def test_a_login_in_an_address_is_not_shown():
    with server(503) as port:
        _, line = said(f"http://somebody:geheim@127.0.0.1:{port}/mlflow")
    assert f"http://127.0.0.1:{port}/mlflow" in line
    assert "geheim" not in line


def test_https_and_http_are_told_from_each_other(certificate):
    with server() as port:
        assert said(f"https://127.0.0.1:{port}")[1].endswith("write http:// for https://")
    with server(certificate=certificate) as port:
        assert said(f"http://127.0.0.1:{port}")[1].endswith("write https:// for http://")


def test_a_certificate_is_trusted_where_its_authority_is_named(certificate, monkeypatch):
    with server(certificate=certificate) as port:
        uri = f"https://127.0.0.1:{port}"
        code, line = said(uri)
        assert code == 2
        assert "its certificate is not trusted (self-signed certificate)" in line
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in line
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        assert said(uri) == (0, "")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_forbids_is_named_without_its_login(scheme, monkeypatch):
    with server(403, PAGE) as port:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:geheim@127.0.0.1:{port}")
        code, line = said(f"{scheme}://mlflow.example")
    assert code == 2
    assert f"the proxy http://127.0.0.1:{port}" in line
    assert "(403)" in line
    assert "geheim" not in line


def test_a_server_that_never_answers_is_left_after_seconds(monkeypatch):
    monkeypatch.setattr(reach, "LIMIT_S", 1.0)
    started = time.monotonic()
    with black_hole() as (address, _):
        assert said(address) == (1, f"MLflow at {address}: gives no answer within 1 s")
    assert time.monotonic() - started < 5


def test_a_plug_in_for_the_login_is_left_to_mlflow(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "some-plugin")
    with server(401, b"no") as port:
        assert said(f"http://127.0.0.1:{port}") == (0, "")


COMMANDS = [
    ["promote"],
    ["registry", "list"],
    ["registry", "compare", "challenger", "champion"],
    ["registry", "promote", "1"],
    ["registry", "reject", "1", "--because", "no"],
    ["registry", "rollback"],
    ["registry", "verify", "champion"],
    ["registry", "trace", "champion"],
    ["score", ".", "out"],
    ["score-plan", ".", "out", "--model", "models:/pneumonia-ensemble/7"],
    ["task", "waiting"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_in_one_line_that_mlflow_is_away(words, monkeypatch, capsys, tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    port = free_port()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(sys, "argv", ["pneumo", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capsys.readouterr().err == f"no MLflow at http://127.0.0.1:{port}; run pneumo up\n"


def test_a_fault_after_the_first_answer_is_a_line_too(monkeypatch, capsys):
    """The server answers once, as MLflow does, and fails from then on."""
    with server(200, b"{}") as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        client = store.connect()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(store, "connect", lambda: client)
    monkeypatch.setattr(sys, "argv", ["pneumo", "registry", "trace", "champion"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capsys.readouterr().err == f"no MLflow at http://127.0.0.1:{port}; run pneumo up\n"


def test_a_real_server_is_reached_behind_a_prefix_and_stopped_is_a_line(tmp_path, monkeypatch):
    mlflow = Server(tmp_path)
    mlflow.start()
    try:
        assert said(mlflow.address) == (0, "")
        assert said(f"{mlflow.address}/") == (0, "")
        code, line = said(f"{mlflow.address}/elsewhere")
        assert (code, "is no MLflow" in line) == (2, True)
    finally:
        mlflow.stop()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.address)
    program = Path(sys.executable).with_name("pneumo")
    done = subprocess.run([program, "registry", "list"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr == f"no MLflow at {mlflow.address}; run pneumo up\n"
