"""Text from outside made fit for a line of a log and for a cell of a spreadsheet."""

import re
from pathlib import Path

LONGEST = 300
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV injection"
CODE = re.compile(r"[A-Z0-9 _]{0,16}")  # Code String, PS3.5 6.2


def printable(value: str | Path) -> str:
    """One line without control, format or surrogate characters, at most ``LONGEST`` long.

    What cannot be printed becomes ``?``, so a name cannot forge a second line or move a terminal's
    cursor. A longer text is cut in the middle.
    """
    text = "".join(mark if mark.isprintable() else "?" for mark in str(value))
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2 - 2
    return f"{text[:half]}...{text[-half:]}"


def cell(value: str | Path) -> str:
    """``printable`` text that no spreadsheet takes for a formula: ``'`` before ``= + - @``."""
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def code(text: str) -> str:
    """A Code String's value as a message may show it: quoted, or only its length.

    Free text where a code belongs may be a person's name, so it is not repeated.
    """
    return f"'{text}'" if CODE.fullmatch(text) else f"a text of {len(text)} characters"
