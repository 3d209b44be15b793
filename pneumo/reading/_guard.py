"""Who may ask: whoever knows the token, from a page of this server, under this machine's name.

The token is in the address. The Host header must name the machine as it was started (a page of
elsewhere whose name is made to mean 127.0.0.1 sends its own), the Origin of what writes must be
this server. Errors that nobody foresaw are told by their kind alone: no patient's data in logs.
"""

import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CSP = "; ".join(
    [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ]
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """An application behind a token; ``hosts`` are the names it may be called by."""

    def __init__(self, app: App, token: str, hosts: Iterable[str], port: int) -> None:
        self.app, self.token = app, token.encode()
        self.hosts = {name for host in hosts for name in (host, f"{host}:{port}")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        started = False

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if refused := self._refused(scope):
            await PlainTextResponse(*refused)(scope, receive, guarded)
            return
        try:
            await self.app(self._below(scope), receive, guarded)
        except Exception as error:
            print(f"pneumo read: a request failed ({type(error).__name__})", file=sys.stderr)
            if not started:
                await PlainTextResponse("failed", 500)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> tuple[str, int] | None:
        headers = Headers(scope=scope)
        first = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        if headers.get("host", "").lower() not in self.hosts:
            return "this server is not called that", 421
        if not secrets.compare_digest(first.encode(errors="replace"), self.token):
            return "not found", 404
        if scope["method"] not in ("GET", "HEAD") and not self._from_here(headers):
            return "asked from another page", 403
        return None

    def _from_here(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers['host']}":
            return False
        return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")

    def _below(self, scope: Scope) -> Scope:
        prefix = f"/{self.token.decode()}"
        return {**scope, "path": scope["path"][len(prefix) :] or "/", "raw_path": None}
