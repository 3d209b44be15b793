"""A real HTTP server before the PACS, which answers in its place, or breaks off, when told to."""

import http.client
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Faults:
    """Passes everything on, but for the next requests of a method, each with a fault of its own.

    ``plan``: a list of ``(method, fault)``; a fault is a status, a body,
    ``("reason", status, code)`` (STOW names every object as failed), ``"cut"`` (breaks off before),
    ``"drop"`` (passes on, breaks off before the answer), ``"swallow"`` (says that it stored, and
    stores nothing), or a function of
    the body.
    """

    def __init__(self, url: str, certificate: tuple[Path, Path] | None = None) -> None:
        self.plan: list[tuple[str, object]] = []
        self.asked: list[str] = []
        faults, parts = self, urlsplit(url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._do()

            def do_POST(self) -> None:
                self._do()

            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                faults.asked.append(f"{self.command} {self.path}")
                fault = None
                if faults.plan and faults.plan[0][0] == self.command:
                    fault = faults.plan.pop(0)[1]
                if isinstance(fault, int):
                    return self._answer(fault, b"", "text/plain")
                if isinstance(fault, bytes):
                    return self._answer(200, fault, "application/dicom")
                if fault == "cut":
                    return self._break_off()
                if fault == "swallow":
                    return self._answer(200, b"{}", "application/dicom+json")
                if isinstance(fault, tuple):
                    return self._answer(fault[1], failed(body, fault[2]), "application/dicom+json")
                if callable(fault):
                    body = fault(body)
                there = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
                hop = {"host", "content-length", "connection", "accept-encoding"}
                headers = {k: v for k, v in self.headers.items() if k.lower() not in hop}
                there.request(self.command, self.path, body, headers)
                answer = there.getresponse()
                told = answer.read()
                if fault == "drop":
                    return self._break_off()
                self._answer(answer.status, told, answer.getheader("Content-Type", "text/plain"))

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _break_off(self) -> None:
                self.close_connection = True
                self.connection.close()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def failed(body: bytes, reason: int) -> bytes:
    """The answer of STOW-RS that names every object of a request as failed."""
    from io import BytesIO

    import pydicom

    items = []
    for part in body.split(b"\r\n\r\n")[1:]:
        at = part.find(b"DICM")
        if at < 0:
            continue
        head = pydicom.dcmread(BytesIO(part), stop_before_pixels=True, force=True)
        items.append(
            {
                "00081150": {"vr": "UI", "Value": [head.SOPClassUID]},
                "00081155": {"vr": "UI", "Value": [head.SOPInstanceUID]},
                "00081197": {"vr": "US", "Value": [reason]},
            }
        )
    return json.dumps({"00081198": {"vr": "SQ", "Value": items}}).encode()
