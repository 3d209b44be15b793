"""The address of a reader's page stays the same, so that a page that is open goes on when its
server is started again: its secret and its port lie beside the readings, for the owner alone."""

import hashlib
import json
import os
import re
import secrets
import socket
from pathlib import Path

from pneumo.base.files import write_text

SECRET = re.compile(r"[A-Za-z0-9_-]{32}")


def kept_address(table: Path, reader: str, host: str, port: int) -> tuple[str, int]:
    """The secret and the port of the last server of ``reader``, whose readings are in ``table``.

    New ones where there was none, the port 0 (any) where the last one is taken; ``port``, unless it
    is 0, stands. What lies there and can be read by others, or is none of ours, is made anew.
    """
    secret, last = _read(_path(table, reader))
    return secret or secrets.token_urlsafe(24), port or (last if _is_free(host, last) else 0)


def keep_address(table: Path, reader: str, secret: str, port: int) -> None:
    """Write both down."""
    write_text(_path(table, reader), json.dumps({"secret": secret, "port": port}), 0o600)


def _path(table: Path, reader: str) -> Path:
    """Each reader's own: readers may share a table, but none's page may speak for another."""
    mark = hashlib.sha256(reader.encode()).hexdigest()[:8]
    return table.with_name(f".{table.stem}-{mark}.address")


def _read(path: Path) -> tuple[str, int]:
    try:
        state = path.lstat()
        if state.st_mode & 0o077 or state.st_uid != os.getuid() or state.st_size > 1000:
            return "", 0
        said = json.loads(path.read_text())
        secret, port = said["secret"], said["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0
    if not isinstance(secret, str) or not SECRET.fullmatch(secret):
        return "", 0
    return secret, port if type(port) is int and 1023 < port < 65536 else 0


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
