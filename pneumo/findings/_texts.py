"""Texts of a source as Unicode, from any Specific Character Set (PS3.5 6.1, PS3.3 C.12.1.1.2)."""

from typing import TYPE_CHECKING

from pneumo.dicom.refusal import refuse

if TYPE_CHECKING:
    from pydicom import Dataset

CHARACTER_SET = 0x00080005
REPLACED = "�"


def text_of(dataset: "Dataset", tag: int) -> str | None:
    """A text without its padding; None where the element is missing.

    Raises Refused, ``bad_character_set``, for a set that DICOM does not define and for bytes that
    the named set does not have: what they mean is anybody's guess.
    """
    from pydicom.charset import decode_bytes
    from pydicom.values import TEXT_VR_DELIMS

    element = dataset.get_item(tag)
    if element is None:
        return None
    value = getattr(element, "value", None)
    if not isinstance(value, bytes):  # pydicom has looked at it
        return "\\".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    text = decode_bytes(value.rstrip(b" \0"), encodings_of(dataset), TEXT_VR_DELIMS)
    if REPLACED in text:
        refuse("bad_character_set", "has a text that its Specific Character Set does not allow")
    return text.rstrip(" \0")


def encodings_of(dataset: "Dataset") -> list[str]:
    """Python's names of the character sets of a data set. Raises Refused."""
    from pydicom.charset import convert_encodings, python_encoding

    element = dataset.get_item(CHARACTER_SET)
    value = getattr(element, "value", None) or ""
    if isinstance(value, bytes):
        value = value.decode("latin-1").rstrip(" \0").split("\\")
    terms = [str(term).strip() for term in ([value] if isinstance(value, str) else value)]
    if unknown := [term for term in terms if term and term not in python_encoding]:
        refuse("bad_character_set", f"names {len(unknown)} character sets that DICOM does not know")
    if terms in ([""], ["ISO_IR 6"]):
        return ["ascii"]
    return list(convert_encodings(terms))
