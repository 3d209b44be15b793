"""The key of a site: with it a Patient ID becomes a name that means something here alone.

A plain sum of a Patient ID is undone by trying all of them, so what is kept is an HMAC (RFC 2104).
"""

import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from pneumo.base.errors import PneumoError

KEY_FILE = "PNEUMO_SITE_KEY"
"""Environment variable: the key's file, where machines share one."""

DEFAULT = Path(".pneumo/site.key")
LENGTH = 32


def site_key() -> bytes:
    """The site's key, made at the first use, readable by its owner alone.

    Raises PneumoError for a file that others may read, that is no key, or cannot be made.
    """
    path = Path(os.environ.get(KEY_FILE) or DEFAULT)
    if not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise PneumoError(
                f"{path}: the site's key cannot be made ({error.strerror}); name a file with "
                f"{KEY_FILE}"
            ) from None
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PneumoError(f"{path}: others may read the site's key; run `chmod 600 {path}`")
        key = path.read_bytes()
    except OSError as error:
        raise PneumoError(
            f"{path}: the site's key cannot be read ({error.strerror}); name its file with "
            f"{KEY_FILE}"
        ) from None
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


def _make(path: Path) -> None:
    """Make the key aside and link it to its name, so that two who begin at once share one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
