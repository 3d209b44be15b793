"""The key of a site: with it a Patient ID becomes a name that means something here alone.

A plain sum of a Patient ID is undone by trying all of them, so what is kept is an HMAC (RFC 2104).
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.site.keyfile import key_in

KEY_FILE = "PNEUMO_SITE_KEY"
"""Environment variable: the key's file, where machines share one."""

DEFAULT = Path(".pneumo/site.key")
LENGTH = 32


def site_key() -> bytes:
    """The site's key, made at the first use, readable by its owner alone.

    Raises PneumoError for a file that others may read, that is no key, or cannot be made.
    """
    path = Path(os.environ.get(KEY_FILE) or DEFAULT)
    advice = f"name a file with {KEY_FILE}"
    key = key_in(path, lambda: secrets.token_bytes(LENGTH), "the site's key", advice)
    if len(key) != LENGTH:
        raise PneumoError(f"{path}: holds {len(key)} bytes, a site's key has {LENGTH}")
    return key


def person_of(patient: str, key: bytes) -> str:
    """The name of a person here: 32 hexadecimal digits; blank for a blank ``patient``.

    ``patient`` is that of ``dicom._scan.Facts``: the same one is the same person in every file.
    """
    if not patient:
        return ""
    return hmac.new(key, patient.encode(), hashlib.sha256).hexdigest()[:32]
