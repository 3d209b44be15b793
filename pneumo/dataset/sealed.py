"""People who are kept for test, once and for ever: one in five of those who come back as feedback.

Who is sealed is decided by the person's name here alone (``site.sitekey.person_of``), so it is the
same in every data version, on every machine, whatever else is in it.
"""

import hashlib
import re

import pandas as pd

from pneumo.base.errors import DataError

PREFIX = "feedback-"
"""Before the name of a person, in the tables of a data version that holds feedback."""

NAME = re.compile(rf"{PREFIX}[0-9a-f]{{32}}")
ONE_IN = 5


def is_feedback(person: object) -> bool:
    """Whether a cell names a person who came back as feedback."""
    return isinstance(person, str) and bool(NAME.fullmatch(person.strip().lower()))


def is_sealed(person: object) -> bool:
    """Whether a person of feedback is kept for test."""
    if not isinstance(person, str) or not is_feedback(person):
        return False
    digest = hashlib.sha256(f"sealed:{person.strip().lower()}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % ONE_IN == 0


def refuse_sealed(index: pd.DataFrame, where: str) -> None:
    """Raise DataError when a sealed person is in ``train`` or ``validation``.

    ``index`` has ``person`` and ``split``.
    """
    learnt = index[index["split"].isin(["train", "validation"])]
    sealed = {person for person in learnt["person"].dropna() if is_sealed(person)}
    if sealed:
        raise DataError(
            f"{where}: {len(sealed)} sealed people would be trained or tuned on; they are kept for "
            "test: name the list of their images in data.reserved_test"
        )
