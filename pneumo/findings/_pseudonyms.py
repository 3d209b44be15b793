"""Names and UIDs that only the holder of a key can make again."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.base.safe import printable
from pneumo.dicom.ours import UID_ROOT
from pneumo.site.keyfile import key_in

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
    text = key_in(path, _fresh, "the key", "name another file")
    if not KEY.fullmatch(text):
        raise PneumoError(f"{printable(path)}: holds no key of 64 hexadecimal digits")
    return bytes.fromhex(text.decode().strip())


def _fresh() -> bytes:
    return f"{secrets.token_hex(KEY_BYTES)}\n".encode()
