"""The server of the reading page, from its first line to ctrl-C."""

import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import uvicorn

from pneumo.base.errors import PneumoError
from pneumo.base.safe import printable
from pneumo.reading._address import keep_address, kept_address
from pneumo.reading._answers import Answers
from pneumo.reading._dataset import Labelled
from pneumo.reading._guard import LOOPBACK, Guard
from pneumo.reading._images import listed, scored, unlabelled
from pneumo.reading._pixels import Pixels
from pneumo.reading._readings import Readings
from pneumo.reading._routes import application
from pneumo.reading._session import Session, table_name

FOLDER = "readings"
GRACE_S = 2


def open_session(
    folder: Path, reader: str, *, label: bool, labels: Path | None, blind: bool, secret: bytes
) -> Session:
    """What is read: results of `score`, or with ``label`` a folder of radiographs.

    ``labels`` is the reader's table, or with ``label`` the folder of the data sets. PneumoError
    where there is nothing to read.
    """
    if not label:
        images = listed(scored(folder, secret))
        path = readings_table(folder, reader, label=False, labels=labels)
        return Session(
            "results", reader, blind, images, Readings(path, reader), Pixels(), Answers(folder)
        )
    images = listed(unlabelled(folder, secret))
    if not images:
        raise PneumoError(f"{printable(folder)}: holds no file; name a folder with radiographs")
    table = readings_table(folder, reader, label=True, labels=labels)
    root = table.parent.parent / table.stem
    return Session(
        "label", reader, False, images, Readings(table, reader, "file"), Pixels(),
        labelled=Labelled(root, images.values()),
    )  # fmt: skip


def readings_table(folder: Path, reader: str, *, label: bool, labels: Path | None) -> Path:
    """Where the readings of a reader are kept."""
    if not label:
        return labels or folder / FOLDER / table_name(reader)
    out = labels or folder.resolve().with_name(f"{folder.resolve().name}-labels")
    return out / FOLDER / table_name(reader)


def serve(session: Session, token: str, host: str, port: int, *, browser: bool) -> None:
    """Serve until ctrl-C, or until the terminal is closed. PneumoError for an address that cannot
    be had."""
    if _is_anywhere(host):
        raise PneumoError(f"--host {host}: name the address by which others reach this machine")
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    keep_address(session.readings.path, session.reader, token, port)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}/{token}/"
    app = Guard(application(session, token), token, {*LOOPBACK, name.lower()}, port)
    config = uvicorn.Config(
        app, access_log=False, log_config=None, log_level="critical",
        server_header=False, date_header=False,
        timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=30, lifespan="off", ws="none",
        proxy_headers=False,
    )  # fmt: skip
    if session.readings.load():
        session.write_data()
    session.pixels.warm()
    print(f"{len(session.images)} radiographs to read: {address}  (ctrl-C ends it)", flush=True)
    if browser and _has_screen():
        Thread(target=_open, args=(address,), daemon=True).start()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        session.close()


def _interrupt(*_: object) -> None:
    """What uvicorn passes on when it has ended: as ctrl-C does, so that nothing is left behind."""
    raise KeyboardInterrupt


def _is_anywhere(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_unspecified
    return not host


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise PneumoError(
            f"{printable(host)}:{port}: cannot be listened at ({error}); give another --port"
        ) from None
    return listening


def _has_screen() -> bool:
    """Whether a browser has somewhere to be shown; one of a terminal would take it over."""
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    with suppress(Exception):
        webbrowser.open(address)


__all__: Sequence[str] = ("kept_address", "open_session", "readings_table", "serve")
