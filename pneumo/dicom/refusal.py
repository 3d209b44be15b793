"""Why a file is not read: a code for programs and a sentence for people."""

from collections.abc import Iterable
from typing import NoReturn


class Refused(Exception):  # noqa: N818
    """A file, still nameless, that is refused: ``reason`` is a code, ``message`` a sentence."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason, self.message = reason, message


def refuse(reason: str, message: str) -> NoReturn:
    """Raise Refused."""
    raise Refused(reason, message)


def require(rules: Iterable[tuple[bool, str, str]]) -> None:
    """Raise Refused for the first rule ``(held, reason, message)`` that does not hold."""
    for held, reason, message in rules:
        if not held:
            refuse(reason, message)
