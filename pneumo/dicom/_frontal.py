"""Whether a header says that this is a frontal chest radiograph for presentation.

Networks that learnt from frontal views answer with confidence to anything else.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from pneumo.dicom._header import Header, named
from pneumo.dicom._vocabulary import FRONTAL, Named, View, part_of, view_of, words
from pneumo.dicom.refusal import Refused, refuse

SOP_CLASS, INTENT, IMAGE_TYPE = 0x00080016, 0x00080068, 0x00080008
VIEW_POSITION, VIEW_CODES, VIEW_MODIFIERS = 0x00185101, 0x00540220, 0x00540222
BODY_PART, REGIONS = 0x00180015, 0x00082218
CODE_VALUE, LONG_CODE, MEANING = 0x00080100, 0x00080119, 0x00080104
ORIENTATION = 0x00200020
DESCRIPTIONS = (0x0008103E, 0x00181030, 0x00081030, 0x00082111, 0x00181400, 0x00181401)
"""Of series, protocol, study, derivation and processing: free text, which is never shown."""

XRAY_CLASSES = "1.2.840.10008.5.1.4.1.1.1"
PROCESSING = frozenset(f"{XRAY_CLASSES}.{n}.1" for n in (1, 2, 3))
NO_CHEST = frozenset((f"{XRAY_CLASSES}.2", f"{XRAY_CLASSES}.3"))  # mammography, intra-oral
ENERGIES = frozenset(
    ("BONE", "BONES", "SOFT", "SOFTTISSUE", "TISSUE", "ENERGY", "DUALENERGY", "SUBTRACTION",
     "SUBTRACTED")
)  # fmt: skip
SIDE_VIEWS = frozenset(("LAT", "LATERAL"))
HINT = "; where a site's headers are wrong, frontal_only: false (check: --any-view) reads it"

TEXTS = (SOP_CLASS, INTENT, IMAGE_TYPE, VIEW_POSITION, BODY_PART, ORIENTATION, *DESCRIPTIONS)
Texts = Mapping[int, str]
Views = tuple[tuple[int, View], ...]
Parts = tuple[tuple[int, Named], ...]


class Finding(NamedTuple):
    """What a header says: a code, a sentence, and whether it rules a frontal chest out."""

    code: str
    message: str
    rules_out: bool


def check_frontal(header: Header, *, frontal_only: bool) -> None:
    """Refuse what is said to be no frontal chest for presentation; note what is doubtful.

    Raises Refused: ``for_processing``, ``wrong_view``, ``wrong_body_part``, ``dual_energy``. These
    are notes without ``frontal_only``.
    """
    texts = tuple(_text(header, tag) if tag in header else "" for tag in TEXTS)
    coded = tuple(_coded_views(header)), tuple(_coded_parts(header))
    for finding in _findings(texts, *coded):
        if finding.rules_out and frontal_only:
            refuse(finding.code, f"{finding.message}{HINT}")
        header.note(finding.code, finding.message)


def _text(header: Header, tag: int) -> str:
    try:
        return header.text(tag)
    except Refused:  # such an element is doubtful; nothing that is shown depends on it
        return "UNREADABLE"


@lru_cache(1024)
def _findings(
    texts: tuple[str, ...], coded_views: Views, coded_parts: Parts
) -> tuple[Finding, ...]:
    """What the texts of ``TEXTS`` and the codes say; most files of a site say the same."""
    said = dict(zip(TEXTS, texts, strict=True))
    part = words(said[BODY_PART])
    views = [(VIEW_POSITION, _view(said[VIEW_POSITION])), *coded_views]
    if SIDE_VIEWS & part:
        views.append((BODY_PART, view_of(part & (SIDE_VIEWS | FRONTAL))))
    parts = [(BODY_PART, part_of(part)), *coded_parts]
    view_is_told, part_is_told = any(view for _, view in views), any(part.kind for _, part in parts)
    return (
        *_intent(said),
        *(finding for tag, view in views for finding in _of_view(tag, view)),
        *(finding for tag, part in parts for finding in _of_part(tag, part)),
        *_orientation(said),
        *_image_type(said, is_told=view_is_told or part_is_told),
        *_descriptions(said, part_is_told=part_is_told),
    )


def _orientation(said: Texts) -> Iterator[Finding]:
    if said[ORIENTATION][:1] in ("A", "P"):  # rows run from front to back, or back to front
        told = f"{named(ORIENTATION)} is that of a lateral view"
        yield Finding("unclear_view", told, rules_out=False)


def _image_type(said: Texts, *, is_told: bool) -> Iterator[Finding]:
    kind = words(said[IMAGE_TYPE])
    if kind & ENERGIES:
        told = f"{named(IMAGE_TYPE)} says that it is one of several energies or tissues"
        yield Finding("dual_energy", f"{told}; the plain radiograph is needed", rules_out=True)
    elif "DERIVED" in kind and not is_told:
        told = f"{named(IMAGE_TYPE)} says DERIVED, and neither view nor body part is told"
        yield Finding("derived", told, rules_out=False)


def _intent(said: Texts) -> Iterator[Finding]:
    needed = "an image for presentation is needed"
    intent, sop_class = words(said[INTENT]), said[SOP_CLASS]
    if "PROCESSING" in intent:
        told = f"{named(INTENT)} is FOR PROCESSING; {needed}"
        yield Finding("for_processing", told, rules_out=True)
    elif sop_class in PROCESSING:
        told = f"{named(SOP_CLASS)} is that of images for processing; {needed}"
        yield Finding("for_processing", told, rules_out=True)
    elif intent and "PRESENTATION" not in intent:
        yield Finding("unclear_intent", f"{named(INTENT)} is not known", rules_out=False)
    if sop_class in NO_CHEST:
        told = f"{named(SOP_CLASS)} is that of mammograms or of teeth; a chest is needed"
        yield Finding("wrong_body_part", told, rules_out=True)


def _of_view(tag: int, view: View) -> Iterator[Finding]:
    ruled_out = {"lateral": "a lateral", "oblique": "an oblique", "another": "another"}
    doubts = {
        "unusual": ("unusual_view", "says a decubitus, lordotic or axial view"),
        "both": ("unclear_view", "names both a frontal and a lateral view"),
        "unknown": ("unclear_view", "says a view that is not known"),
    }
    if view in ruled_out:
        said = f"{named(tag)} says {ruled_out[view]} view; a frontal one, PA or AP, is needed"
        yield Finding("wrong_view", said, rules_out=True)
    if view in doubts:
        code, doubt = doubts[view]
        yield Finding(code, f"{named(tag)} {doubt}", rules_out=False)


def _of_part(tag: int, part: Named) -> Iterator[Finding]:
    if part.kind == "other":
        said = part.word if part.word.isalpha() else "another region"
        yield Finding(
            "wrong_body_part", f"{named(tag)} says {said}; a chest is needed", rules_out=True
        )
    doubts = {
        "more": "names more than the chest",
        "near": "names a part of the chest",
        "unknown": "says a body part that is not known",
    }
    if part.kind in doubts:
        said = f"{named(tag)} {doubts[part.kind]}"
        yield Finding("unclear_body_part", said, rules_out=False)


def _descriptions(said: Texts, *, part_is_told: bool) -> Iterator[Finding]:
    for tag in DESCRIPTIONS:
        told = words(said[tag])
        doubts = {
            "a lateral view": bool(SIDE_VIEWS & told) and view_of(told) == "lateral",
            "bone or soft tissue": "BONE" in told or {"SOFT", "TISSUE"} <= told,
            "dual energy": {"DUAL", "ENERGY"} <= told or "SUBTRACTION" in told,
            "another body part": not part_is_told and part_of(told).kind == "other",
        }
        for doubt in (what for what, there in doubts.items() if there):
            yield Finding("described_otherwise", f"{named(tag)} speaks of {doubt}", rules_out=False)


def _view(text: str) -> View:
    said = words(text)
    part = {word for word in said if part_of(frozenset((word,))).kind in ("chest", "near")}
    return view_of(said - part)


def _coded_views(header: Header) -> Iterator[tuple[int, View]]:
    """The views of a sequence of codes, whose modifiers may turn them to the side."""
    try:
        for item in header.items(VIEW_CODES):
            kind = _view_of_code(item)
            modifiers = [_view_of_code(modifier) for modifier in item.items(VIEW_MODIFIERS)]
            turned = (view for view in modifiers if view in ("lateral", "oblique"))
            yield VIEW_CODES, next(turned, kind)
    except Refused:  # a damaged sequence is no reason to refuse the picture
        yield VIEW_CODES, "unknown"


def _coded_parts(header: Header) -> Iterator[tuple[int, Named]]:
    try:
        for item in header.items(REGIONS):
            by_code = part_of(_code(item))
            is_known = by_code.kind not in ("", "unknown")
            yield REGIONS, by_code if is_known else part_of(words(item.text(MEANING)) | _code(item))
    except Refused:
        yield REGIONS, Named("unknown")


def _view_of_code(item: Header) -> View:
    by_code = view_of(_code(item))
    return (
        by_code
        if by_code not in ("", "unknown")
        else view_of(words(item.text(MEANING)) | _code(item))
    )


def _code(item: Header) -> frozenset[str]:
    """A code as it is written, which may be a word."""
    return frozenset(filter(None, (item.text(tag).upper() for tag in (CODE_VALUE, LONG_CODE))))
