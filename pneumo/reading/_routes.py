"""What the page may ask, below the token: JSON unless said."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pneumo.base.errors import PneumoError
from pneumo.dicom.source import LARGEST_FILE_BYTES
from pneumo.dicom.workers import Rejected
from pneumo.reading._images import Image
from pneumo.reading._pixels import Shown
from pneumo.reading._readings import Stale
from pneumo.reading._session import Session
from pneumo.reading._trial import Trials

PAGE = Path(__file__).parent / "page"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
LARGEST_JSON_BYTES = 2**20
LONGEST_UPLOAD_S = 120


def application(session: Session, token: str) -> Starlette:
    """The routes of the contract between page and server."""
    routes = Routes(session, token)
    image = "/api/images/{id}"
    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/static/{name}", routes.static),
            Route("/api/worklist", routes.worklist),
            Route("/api/agreement", routes.agreement),
            Route(f"{image}/pixels", routes.pixels),
            Route(f"{image}/preview", routes.preview),
            Route(f"{image}/answer", routes.answer),
            Route(f"{image}/heat", routes.heat),
            Route(f"{image}/reading", routes.reading, methods=["PUT"]),
            Route("/api/try", routes.trial, methods=["POST"]),
            Route("/api/try/{number}/pixels", routes.tried),
        ]
    )


class Routes:
    """A method per route; those that compute or touch a disk run in threads."""

    def __init__(self, session: Session, token: str) -> None:
        self.session, self.token, self.trials = (
            session,
            token,
            Trials(session.pixels, session.note_tried),
        )
        self.order = list(session.images)
        self.files = {p.name: p for p in sorted(PAGE.iterdir()) if p.suffix in KINDS}
        self.pages = Environment(loader=FileSystemLoader(PAGE), autoescape=True)

    def page(self, request: Request) -> Response:
        """The page itself."""
        base = f"/{self.token}"
        page = self.pages.get_template("index.html")
        return HTMLResponse(page.render(token=self.token, base=base, static=f"{base}/static"))

    def static(self, request: Request) -> Response:
        """A file of the page, of a fixed list."""
        path = self.files.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return Response(path.read_bytes(), media_type=KINDS[path.suffix])

    def worklist(self, request: Request) -> Response:
        """What there is to read."""
        return JSONResponse(self.session.worklist())

    def agreement(self, request: Request) -> Response:
        """How readers agree."""
        return JSONResponse(self.session.agreement())

    def pixels(self, request: Request) -> Response:
        """A radiograph; the one named by ``next``, else the next of the list, is decoded ahead."""
        image = self._image(request)
        shown = self._shown(image)
        if isinstance(shown, Shown):
            self._ahead(image, request.query_params.get("next"))
        return _pixels(shown)

    def preview(self, request: Request) -> Response:
        """A small picture of it."""
        shown = self._shown(self._image(request))
        if isinstance(shown, Rejected):
            return _refused(shown.message)
        return Response(shown.preview(), media_type="image/png", headers=shown.headers())

    def answer(self, request: Request) -> Response:
        """What the ensemble says; asking is seeing."""
        return JSONResponse(self.session.answer(self._image(request)))

    def heat(self, request: Request) -> Response:
        """The map of the ensemble, or of one network."""
        image, maps = self._image(request), self.session.maps
        network = request.query_params.get("network", "")
        if image.status != "scored" or maps is None or network not in ("", *maps.networks):
            raise HTTPException(404)
        self.session.seen(image)
        try:
            found = maps.heat(self.session.pixels.archives.file(image.path), network)
        except PneumoError as error:
            return _refused(str(error))
        if isinstance(found, Rejected):
            return _refused(found.message)
        return Response(found, media_type="image/png")

    async def reading(self, request: Request) -> Response:
        """Keep what the reader says."""
        image = self._image(request)
        said = await _json(request)
        if not isinstance(said, dict):
            return _refused("a reading is expected")
        if image.status == "rejected":
            return _refused("it was refused, so it cannot be read")
        try:
            kept = await run_in_threadpool(self.session.save, image, said)
        except Stale as stale:
            return JSONResponse(stale.stored.told(), 409)
        except (ValueError, PneumoError) as error:
            return _refused(str(error))
        except OSError as error:  # a full disk: the page keeps it and tries again
            line = f"it cannot be written ({error.strerror})"
            return JSONResponse({"refused": line}, 503)
        return JSONResponse(kept.told())

    async def trial(self, request: Request) -> Response:
        """Read and answer a file that was dropped on the page."""
        limited = Request(request.scope, _limited(request.receive, LARGEST_FILE_BYTES + 2**16))
        try:
            async with asyncio.timeout(LONGEST_UPLOAD_S):
                form = await limited.form(max_files=1, max_fields=4)
        except (TimeoutError, ClientDisconnect):
            raise HTTPException(408) from None
        try:
            upload = form.get("file")
            if not isinstance(upload, UploadFile):
                return _refused("a file is expected")
            run = partial(self.trials.run, upload.file, self.session.maps)
            found = await run_in_threadpool(run)
        finally:
            await form.close()
        return _refused(found.message) if isinstance(found, Rejected) else JSONResponse(found)

    def tried(self, request: Request) -> Response:
        """The pixels of such a file."""
        shown = self.trials.get(request.path_params["number"])
        if shown is None:
            raise HTTPException(404)
        return _pixels(shown)

    def _image(self, request: Request) -> Image:
        image = self.session.images.get(request.path_params["id"])
        if image is None:
            raise HTTPException(404)
        return image

    def _shown(self, image: Image) -> Shown | Rejected:
        return self.session.look(image)

    def _ahead(self, image: Image, wanted: str | None) -> None:
        after = self.order.index(image.id) + 1
        following = wanted or next(iter(self.order[after : after + 1]), "")
        coming = self.session.images.get(following)
        if coming and coming.status != "rejected":
            self.session.pixels.ahead(coming)


def _pixels(shown: Shown | Rejected) -> Response:
    if isinstance(shown, Rejected):
        return _refused(shown.message)
    return Response(shown.data, headers=shown.headers(), media_type="application/octet-stream")


def _refused(line: str) -> Response:
    return JSONResponse({"refused": line}, 422)


async def _json(request: Request) -> Any:
    """The body of a request. HTTPException for one that is too long, or no JSON."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415)
    limited = Request(request.scope, _limited(request.receive, LARGEST_JSON_BYTES))
    try:
        async with asyncio.timeout(LONGEST_UPLOAD_S):
            return json.loads(await limited.body(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise HTTPException(400) from None
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408) from None


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _limited(receive: Callable[[], Any], most: int) -> Callable[[], Any]:
    """A body that ends with HTTPException when it is longer than ``most`` bytes."""
    taken = 0

    async def limited() -> Any:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413)
        return message

    return limited
