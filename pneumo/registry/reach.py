"""Whether MLflow answers at the address it is said to be at: asked once, and the fault in a line.

MLflow's own client tries again for minutes and then raises what it was told as pages of text. Here
one small question is put first, and again when a later one failed, in the way MLflow would put it:
same login, same certificates, same proxies.
"""

import os
import re
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import requests
from requests import exceptions as broken
from requests.utils import get_environ_proxies, select_proxy

from pneumo.base.errors import PneumoError, ServiceError
from pneumo.base.safe import printable

QUESTION = "/api/2.0/mlflow/registered-models/search?max_results=1"
LIMIT_S = 10.0
"""How long a server may take to answer, and to send its answer."""

MOST_BYTES = 1 << 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BUSY = (408, 425, 429)
WITHOUT_SLASHES = ("databricks", "databricks-uc", "uc")
"""Names of stores that MLflow takes as they are."""

OTHER_LOGINS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")
"""Variables by which MLflow logs in through a plug-in, which only MLflow's client can do."""


def fault(uri: str) -> PneumoError | None:
    """What is wrong with the server at ``uri``: a line for the terminal; None when it answers.

    PneumoError when only another address, login or certificate would do, ServiceError for a server
    that is away or busy. A store that is no server (``sqlite:///...``) is not asked.
    """
    try:
        parts = urlsplit(uri)
        shown = _shown(parts)
    except ValueError:
        return PneumoError("MLFLOW_TRACKING_URI: is no address; write http://HOST:PORT")
    if parts.scheme not in ("http", "https"):
        if "://" in uri or uri.partition(":")[0] in (*WITHOUT_SLASHES, "file"):
            return None
        return PneumoError(f"MLFLOW_TRACKING_URI: {shown!r} has no scheme; write http://{shown}")
    try:
        return _said(f"MLflow at {shown}: ", *_asked(uri))
    except broken.SSLError as error:
        return PneumoError(f"MLflow at {shown}: {_of_tls(str(error))}")
    except broken.ProxyError as error:
        refused = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        if refused and int(refused[1]) in (403, 407):
            return _forbidden(f"MLflow at {shown}: ", int(refused[1]), uri)
        why = f"answers {refused[1]}" if refused else "cannot be reached"
        return ServiceError(f"MLflow at {shown}: {_of_proxy(uri)} {why}; see NO_PROXY")
    except broken.Timeout:
        return ServiceError(f"MLflow at {shown}: gives no answer within {LIMIT_S:.0f} s")
    except broken.ConnectionError as error:
        if "refused" not in str(error) and _speaks_tls(parts):
            return PneumoError(f"MLflow at {shown}: speaks https; write https:// for http://")
        return ServiceError(f"no MLflow at {shown}; {_instead(parts)}")
    except (broken.RequestException, ValueError):
        return PneumoError(
            f"MLFLOW_TRACKING_URI: nothing can be asked at {shown!r}; write http://HOST:PORT"
        )


def told(uri: str, error: Exception) -> PneumoError:
    """The line for an ``error`` of MLflow's client: what is wrong with the server, or its words."""
    if found := fault(uri):
        return found
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return ServiceError(f"MLflow at {_shown(urlsplit(uri))}: {printable(first)}")


def _asked(uri: str) -> tuple[requests.Response, bytes]:
    """Put the question; the answer and the beginning of its body."""
    env, end = os.environ, time.monotonic() + LIMIT_S
    user, password = env.get("MLFLOW_TRACKING_USERNAME"), env.get("MLFLOW_TRACKING_PASSWORD")
    login = (user, password) if user and password else None
    token = None if login else env.get("MLFLOW_TRACKING_TOKEN")
    insecure = env.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
    authority = env.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    with requests.get(
        uri.rstrip("/") + QUESTION,
        auth=login,
        headers={"Authorization": f"Bearer {token}"} if token else None,
        cert=env.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
        verify=False if insecure else authority,
        timeout=LIMIT_S,
        stream=True,
    ) as answer:
        body = b""
        for chunk in answer.iter_content(1 << 14):
            body += chunk
            if time.monotonic() > end:
                raise broken.Timeout
            if len(body) > MOST_BYTES:
                break
        return answer, body


def _said(where: str, answer: requests.Response, body: bytes) -> PneumoError | None:
    """The fault that an answer tells of; None when it is one of MLflow's."""
    status, about = answer.status_code, f"{answer.status_code} {answer.reason}".strip()
    if status in (401, 403) and _logs_in_otherwise():
        return None
    if status == 401:
        return PneumoError(
            f"{where}refuses the login (401); check MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or source .pneumo/env anew"
        )
    if status in (403, 407):
        return _forbidden(where, status, answer.url)
    if status >= 500 or status in BUSY:
        return ServiceError(f"{where}the server fails ({about}); see its log, or try again later")
    if status == 400 and b"HTTPS port" in body:
        return PneumoError(f"{where}speaks https; write https:// for http://")
    if not body.lstrip().startswith(b"{") or (status >= 400 and b'"error_code"' not in body):
        kind = "a web page" if b"<html" in body[:2000].lower() else "no JSON of MLflow's"
        return PneumoError(
            f"{where}is no MLflow, it answers {about} with {kind}; check MLFLOW_TRACKING_URI"
        )
    return None


def _forbidden(where: str, status: int, url: str) -> PneumoError:
    return PneumoError(
        f"{where}access is forbidden ({status}) by the server or {_of_proxy(url)}; check "
        "the login, or name the host in NO_PROXY"
    )


def _of_tls(said: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in said or "CertificateError" in said:
        why = said.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return (
            f"its certificate is not trusted ({printable(why)}); name the file of its authority in "
            "MLFLOW_TRACKING_SERVER_CERT_PATH"
        )
    if "UNKNOWN_CA" in said or "CERTIFICATE_REQUIRED" in said or "HANDSHAKE_FAILURE" in said:
        return "refuses this client; name its certificate in MLFLOW_TRACKING_CLIENT_CERT_PATH"
    return "does not speak https; write http:// for https://"


def _of_proxy(url: str) -> str:
    proxy = select_proxy(url, get_environ_proxies(url))
    return f"the proxy {_shown(urlsplit(proxy))}" if proxy else "a proxy on the way"


def _speaks_tls(parts: SplitResult) -> bool:
    """Whether something that hangs up on http does so because it wants https."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        address = (parts.hostname or "", parts.port or 80)
        with socket.create_connection(address, 5) as plain, context.wrap_socket(plain):
            return True
    except (OSError, ValueError):
        return False


def _logs_in_otherwise() -> bool:
    """Whether MLflow's client has a login that was not tried here."""
    named = any(os.environ.get(name) for name in OTHER_LOGINS)
    return named or Path("~/.mlflow/credentials").expanduser().exists()


def _instead(parts: SplitResult) -> str:
    if parts.hostname in LOOPBACK:
        return "run pneumo up"
    return "start it, or correct MLFLOW_TRACKING_URI"


def _shown(parts: SplitResult) -> str:
    """An address without the login that it may hold."""
    return printable(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl())
