"""Names and UIDs that only the holder of a key can make again."""

import hashlib
import hmac
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from pneumo.base.aside import aside
from pneumo.base.errors import PneumoError
from pneumo.base.safe import printable
from pneumo.dicom.ours import UID_ROOT

KEY_BYTES = 32
KEY = re.compile(rb"[0-9a-f]{64}\n?")


class Pseudonyms:
    """HMAC-SHA256 with a project's key: one person, study or image stays one, and is not told."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def uid(self, uid: str) -> str:
        """Another UID for a UID, below 2.25 (PS3.5 B.2)."""
        return f"{UID_ROOT}{int.from_bytes(self._sum('uid', uid)[:16], 'big')}"

    def person(self, patient_id: str, issuer: str) -> str:
        """Another Patient ID for a person."""
        return f"P{self._sum('person', patient_id, issuer).hex()[:16].upper()}"

    def _sum(self, *facts: str) -> bytes:
        return hmac.new(self._key, "\0".join(facts).encode(), hashlib.sha256).digest()


def key_of(path: Path) -> bytes:
    """The key in a file that its owner alone may read; made where there is none.

    Raises PneumoError for a file that others may read, or that holds no key.
    """
    if not path.exists():
        _make(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PneumoError(f"{printable(path)}: others may read the key; chmod 600 it")
    text = path.read_bytes()
    if not KEY.fullmatch(text):
        raise PneumoError(f"{printable(path)}: holds no key of 64 hexadecimal digits")
    return bytes.fromhex(text.decode().strip())


def _make(path: Path) -> None:
    """Write a key aside and link it to its name, so that two who begin at once share one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with aside(path) as new:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as text:
            text.write(secrets.token_hex(KEY_BYTES) + "\n")
        with suppress(FileExistsError):
            os.link(new, path)
