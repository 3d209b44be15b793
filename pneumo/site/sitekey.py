"""The key of a site: with it a Patient ID becomes a name that means something here alone.

A plain sum of a Patient ID is undone by trying all of them, so what is kept is an HMAC (RFC 2104).
"""

import hashlib
import hmac
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from pneumo.base.errors import PneumoError
from pneumo.base.files import write_text
from pneumo.base.safe import printable
from pneumo.site.keyfile import key_in
from pneumo.site.trail import FILE as TRAIL
from pneumo.site.trail import trail_path

KEY_FILE = "PNEUMO_SITE_KEY"
"""Environment variable: the key's file, where machines share one."""

DEFAULT = Path(".pneumo/site.key")
LENGTH = 32


def site_key() -> bytes:
    """The site's key, made at the first use, readable by its owner alone.

    What names the site is kept beside the audit trail, so that a key that was lost, or another one
    in its place, is missed: everybody would get a new name. Raises PneumoError for that, and for a
    file that others may read, that is no key, or cannot be made.
    """
    path = Path(os.environ.get(KEY_FILE) or DEFAULT)
    advice = f"name a file with {KEY_FILE}"
    key = key_in(path, lambda: _fresh(path), "the site's key", advice)
    if len(key) != LENGTH:
        raise PneumoError(
            f"{printable(path)}: holds {len(key)} bytes, a site's key has {LENGTH}; {advice}"
        )
    _recognise(path, key)
    return key


def site_id(key: bytes) -> str:
    """What names a site and tells nothing of its key: 32 hexadecimal digits."""
    return hmac.new(key, b"pneumo site", hashlib.sha256).hexdigest()[:32]


def _fresh(path: Path) -> bytes:
    if _known_as().exists() and not path.exists():  # another process may just have made it
        raise PneumoError(
            f"{printable(path)}: the site's key is not there, and {printable(_known_as())} knows "
            f"one; bring it back or name its file with {KEY_FILE}, since with another key "
            "everybody gets another name; who means that removes what knows it"
        )
    if not os.environ.get(KEY_FILE):
        where = printable(path.absolute())
        print(f"{where}: the site's key is made; keep a copy of it", file=sys.stderr)
    return secrets.token_bytes(LENGTH)


def _recognise(path: Path, key: bytes) -> None:
    """Compare a key with what is known of the site's, or make that known."""
    known = _known_as()
    try:
        said = known.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        said = ""
        with suppress(OSError):  # where nothing can be kept, nothing can be missed
            write_text(known, site_id(key) + "\n", 0o600)
    except (OSError, UnicodeDecodeError):
        raise PneumoError(
            f"{printable(known)}: cannot be read, and knows the site's key; remove it, or name a "
            f"trail elsewhere with {TRAIL}"
        ) from None
    if said and not hmac.compare_digest(said.encode(), site_id(key).encode()):
        raise PneumoError(
            f"{printable(path)}: is not the key that {printable(known)} knows; bring that back or "
            f"name its file with {KEY_FILE}, since with another key everybody gets another name"
        )


def _known_as() -> Path:
    return trail_path().with_suffix(".site")


def person_of(patient: str, key: bytes) -> str:
    """The name of a person here: 32 hexadecimal digits; blank for a blank ``patient``.

    ``patient`` is that of ``dicom._scan.Facts``: the same one is the same person in every file.
    """
    if not patient:
        return ""
    return hmac.new(key, patient.encode(), hashlib.sha256).hexdigest()[:32]
