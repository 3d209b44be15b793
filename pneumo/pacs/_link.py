"""What a way to a peer can do, and how it says that it could not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from pneumo.base.errors import PneumoError, ServiceError

CR, DX = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1"
RADIOGRAPHS = (CR, DX)
"""Computed and digital radiographs for presentation: what is fetched; all else is left alone."""

MODALITIES = ("CR", "DX")


class Instance(NamedTuple):
    """One object of a peer: its UIDs, and what series it belongs to."""

    sop: str
    sop_class: str
    series: str
    study: str
    modality: str = ""


class Page(NamedTuple):
    """Objects that are new, or may be, and the cursor from which the next search goes on.

    ``others`` counts what is left alone by series and modality: ``whole`` says whether these are
    all of the series, or such as were never counted before.
    """

    cursor: str
    found: Sequence[Instance]
    others: dict[tuple[str, str], int]
    whole: bool


class Answer(NamedTuple):
    """What a peer said of one object: that it is stored, or why not, as a code."""

    kind: Literal["stored", "later", "refused"]
    code: str = ""
    wait_s: float = 0


class AwayError(ServiceError):
    """A peer does not answer, or says that it cannot now; nothing has changed, try again."""


class DeniedError(PneumoError):
    """A peer answers and will not have us: password, certificate, title. A person's work."""


class UnfitError(PneumoError):
    """A peer answers with what cannot be used: for one object, or for all if its address is wrong.

    ``code`` says it in a word.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class AbsentError(Exception):
    """The peer has no such object any more."""


class Link(Protocol):
    """A way to a peer, open for the time of a ``with`` block."""

    def __enter__(self) -> "Link": ...

    def __exit__(self, *_: object) -> None: ...

    def echo(self) -> str:
        """Say in a line who answers."""

    def pages(self, cursor: str) -> Iterator[Page]:
        """What is new since ``cursor`` (blank: ever), page by page."""

    def fetch(self, instance: Instance) -> bytes:
        """A DICOM file, with a preamble. Raises AbsentError."""

    def store(self, files: Sequence[tuple[str, str, Path]]) -> dict[str, Answer]:
        """Store files ``(SOP Instance UID, SOP Class UID, path)``; what is said of each UID."""


def answer_of(status: int) -> Answer:
    """What a DIMSE status of a store, or a failure reason of STOW, asks for (PS3.4 B.2.3).

    No room (0xA7xx) and an error in processing (0x0110) may pass; what does not match its class
    (0xA9xx), cannot be understood (0xCxxx) or is not wanted is for a person.
    """
    code = f"0x{status:04X}"
    if status in (0x0000, 0x0001) or status >> 8 in (0xB0,):  # coercion and other warnings
        return Answer("stored", code if status else "")
    if status >> 8 == 0xA7 or status in (0x0110, 0x0213):
        return Answer("later", code)
    return Answer("refused", code)
