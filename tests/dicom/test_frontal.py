"""What is no frontal chest radiograph for presentation is refused, and what is doubtful noted."""

import itertools

import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumo.base.errors import RadiographError
from pneumo.dicom import read_radiograph, read_square
from pneumo.dicom.workers import Rejected, read_squares
from tests.dicom.files import dataset, values, write

GREY = values(12, shape=(80, 72))
PROCESSING, MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2"


def coded(value="", scheme="SCT", meaning="", long="", modifier=None):
    item = Dataset()
    if value:
        item.CodeValue = value
    if long:
        item.LongCodeValue = long
    item.CodingSchemeDesignator, item.CodeMeaning = scheme, meaning
    if modifier is not None:
        item.ViewModifierCodeSequence = Sequence([modifier])
    return item


def radiograph(path, syntax=uid.ExplicitVRLittleEndian, **tags):
    data = dataset(GREY, syntax=syntax)
    for tag, value in tags.items():
        setattr(data, tag, Sequence(value) if tag.endswith("Sequence") else value)
    return write(path, data)


def answer(path):
    """The reason of a refusal, or the codes of the notes."""
    try:
        return set(read_radiograph(path).notes)
    except RadiographError as error:
        return error.reason


VIEWS = {
    "PA": set(), "AP": set(), "pa ": set(), "": set(), "UNKNOWN": set(), "PA/AP": set(),
    "P.A.": set(), "CHEST PA": set(), "AP PORTABLE": set(), "AP_SUPINE": set(), "FRONTAL": set(),
    "PORTABLE": set(), "POSTERO-ANTERIOR": set(),
    "LL": "wrong_view", "RL": "wrong_view", "ll": "wrong_view", " RL ": "wrong_view",
    "LATERAL": "wrong_view", "L LAT": "wrong_view", "LAT": "wrong_view",
    "Left lateral": "wrong_view", "LATERALE": "wrong_view", "PROFIL": "wrong_view",
    "SEITLICH": "wrong_view", "XTL": "wrong_view",
    "RAO": "wrong_view", "LPO": "wrong_view", "RLO": "wrong_view", "LLO": "wrong_view",
    "PA OBLIQUE": "wrong_view", "OBL": "wrong_view", "MLO": "wrong_view", "WATERS": "wrong_view",
    "LLD": {"unusual_view"}, "RLD": {"unusual_view"}, "LAT DECUB": {"unusual_view"},
    "LATERAL DECUBITUS": {"unusual_view"}, "AP AXIAL": {"unusual_view"},
    "LORDOTIC": {"unusual_view"},
    "PA LAT": {"unclear_view"}, "PA\\LL": {"unclear_view"}, "DOE JANE": {"unclear_view"},
    "VD": {"unclear_view"},
}  # fmt: skip


@pytest.mark.parametrize(("view", "expected"), VIEWS.items())
def test_a_view_position_is_frontal_refused_or_noted(tmp_path, view, expected):
    assert answer(radiograph(tmp_path / "a.dcm", ViewPosition=view)) == expected


VIEW_CODES = [
    (coded("399348003", "SCT", "antero-posterior"), set()),
    (coded("R-10206", "SRT", "antero-posterior"), set()),
    (coded("272479007", "SCT", "postero-anterior"), set()),
    (coded("R-10214", "SNM3", "postero-anterior"), set()),
    (coded("PA", "99SITE", "Thorax"), set()),
    (coded("4711", "99SITE", "Frontal"), set()),
    (coded("399067008", "SCT", "lateral"), "wrong_view"),
    (coded("R-102CD", "SRT", ""), "wrong_view"),
    (coded("R-10236", "SRT", "left lateral"), "wrong_view"),
    (coded("399198007", "SCT", "von rechts"), "wrong_view"),
    (coded("", "SCT", "right lateral", long="399198007"), "wrong_view"),
    (coded("4711", "99SITE", "Lateral"), "wrong_view"),
    (coded("LL", "99SITE", "?"), "wrong_view"),
    (coded("399182000", "SCT", "oblique"), "wrong_view"),
    (coded("R-10220", "SRT", "left anterior oblique"), "wrong_view"),
    (coded("R-10242", "SRT", "cranio-caudal"), "wrong_view"),
    (coded("272479007", "SCT", "postero-anterior", modifier=coded("399182000", "SCT", "oblique")),
     "wrong_view"),
    (coded("399061009", "SCT", "axial"), {"unusual_view"}),
    (coded("4711", "99SITE", "Doe^Jane"), {"unclear_view"}),
]  # fmt: skip


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian,
                                    uid.ExplicitVRBigEndian, uid.JPEG2000Lossless])  # fmt: skip
@pytest.mark.parametrize(("item", "expected"), VIEW_CODES)
def test_a_view_code_is_frontal_refused_or_noted(tmp_path, item, expected, syntax):
    path = radiograph(tmp_path / "a.dcm", syntax, ViewCodeSequence=[item])
    assert answer(path) == expected


def test_a_view_position_of_pa_does_not_excuse_a_lateral_code(tmp_path):
    codes = [coded("399067008", "SCT", "lateral")]
    path = radiograph(tmp_path / "a.dcm", ViewPosition="PA", ViewCodeSequence=codes)
    assert answer(path) == "wrong_view"


PARTS = {
    "CHEST": set(), "chest": set(), "THORAX": set(), "TORAX": set(), "TORACE": set(), "LUNG": set(),
    "LUNGS": set(), "CHEST PA": set(), "CHEST_PORTABLE": set(), "CHEST 1 VIEW": set(), "CXR": set(),
    "CHEST1V": set(), "": set(), "UNKNOWN": set(), "PULMON": set(), "T\u00d3RAX": set(),
    "TO\u0301RAX": set(), "RX TORAX": set(), "HEMITHORAX": set(),
    "ABDOMEN": "wrong_body_part", "abdomen ": "wrong_body_part", "ABD": "wrong_body_part",
    "HAND": "wrong_body_part", "HANDS": "wrong_body_part", "LEFT HAND": "wrong_body_part",
    "SKULL": "wrong_body_part", "SCHÄDEL": "wrong_body_part", "KNEE": "wrong_body_part",
    "TSPINE": "wrong_body_part", "THORACIC SPINE": "wrong_body_part", "L SPINE": "wrong_body_part",
    "PELVIS": "wrong_body_part", "CLAVICLE": "wrong_body_part", "WHOLEBODY": "wrong_body_part",
    "CHEST LAT": "wrong_view", "CHEST LATERAL": "wrong_view",
    "CHEST PA LAT": {"unclear_view"},
    "CHESTABDOMEN": {"unclear_body_part"}, "CHESTABDPELVIS": {"unclear_body_part"},
    "NECKCHEST": {"unclear_body_part"}, "CHEST\\ABDOMEN": {"unclear_body_part"},
    "RIBS": {"unclear_body_part"}, "STERNUM": {"unclear_body_part"}, "HEART": {"unclear_body_part"},
    "DOE JANE": {"unclear_body_part"},
}  # fmt: skip


@pytest.mark.parametrize(("part", "expected"), PARTS.items())
def test_a_body_part_is_the_chest_refused_or_noted(tmp_path, part, expected):
    path = radiograph(tmp_path / "a.dcm", SpecificCharacterSet="ISO_IR 192", ViewPosition="PA")
    data = path.read_bytes()  # CS is ASCII, and written in UTF-8 by some
    text = part.encode()
    text += b" " * (len(text) % 2)
    at = data.index(b"\x18\x00\x01\x51CS")
    element = b"\x18\x00\x15\x00CS" + len(text).to_bytes(2, "little") + text
    path.write_bytes(data[:at] + element + data[at:])
    assert answer(path) == expected


REGIONS = [
    (coded("816094009", "SCT", "Chest"), set()), (coded("51185008", "SCT", "Chest"), set()),
    (coded("T-D3000", "SRT", "Brustkorb"), set()), (coded("T-28000", "SRT", "Lung"), set()),
    (coded("4711", "99SITE", "Thorax"), set()),
    (coded("85562004", "SCT", "Main"), "wrong_body_part"),
    (coded("T-D8700", "SRT", "Hand"), "wrong_body_part"),
    (coded("818981001", "SCT", "Abdomen"), "wrong_body_part"),
    (coded("T-D4000", "SRT", ""), "wrong_body_part"),
    (coded("4711", "99SITE", "Knee"), "wrong_body_part"),
    (coded("122495006", "SCT", "Thoracic spine"), "wrong_body_part"),
    (coded("416550000", "SCT", "Chest and Abdomen"), {"unclear_body_part"}),
    (coded("113197003", "SCT", "Rib"), {"unclear_body_part"}),
    (coded("4711", "99SITE", "Doe^Jane"), {"unclear_body_part"}),
]  # fmt: skip


@pytest.mark.parametrize("body_part", ["", "CHEST"])
@pytest.mark.parametrize(("item", "expected"), REGIONS)
def test_a_coded_region_is_the_chest_refused_or_noted(tmp_path, item, expected, body_part):
    tags = {"BodyPartExamined": body_part} if body_part else {}
    path = radiograph(tmp_path / "a.dcm", AnatomicRegionSequence=[item], **tags)
    assert answer(path) == expected


HEADERS = [
    ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
    ({"PresentationIntentType": "for processing "}, "for_processing"),
    ({"SOPClassUID": PROCESSING}, "for_processing"),
    ({"SOPClassUID": PROCESSING, "PresentationIntentType": "FOR PRESENTATION"}, "for_processing"),
    ({"PresentationIntentType": "FOR PRESENTATION"}, set()),
    ({"PresentationIntentType": ""}, set()),
    ({"PresentationIntentType": "LATER"}, {"unclear_intent"}),
    ({"SOPClassUID": MAMMOGRAM}, "wrong_body_part"),
    ({"ImageType": ["DERIVED", "PRIMARY", "", "BONE"]}, "dual_energy"),
    ({"ImageType": ["DERIVED", "PRIMARY", "SOFT_TISSUE"]}, "dual_energy"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "", "HIGH_ENERGY"]}, "dual_energy"),
    ({"ImageType": ["ORIGINAL", "PRIMARY"]}, set()),
    ({"ImageType": ["DERIVED", "PRIMARY"], "ViewPosition": "PA"}, set()),
    ({"ImageType": ["DERIVED", "PRIMARY"], "BodyPartExamined": "CHEST"}, set()),
    ({"ImageType": ["DERIVED", "PRIMARY"]}, {"derived"}),
    ({"PatientOrientation": ["A", "F"]}, {"unclear_view"}),
    ({"PatientOrientation": ["L", "F"]}, set()),
    ({"SeriesDescription": "Chest Lateral"}, {"described_otherwise"}),
    ({"StudyDescription": "XR CHEST LAT"}, {"described_otherwise"}),
    ({"StudyDescription": "XR CHEST 2 VIEWS PA AND LATERAL"}, set()),
    ({"SeriesDescription": "bilateral infiltrates"}, set()),
    ({"ProtocolName": "Dual Energy Bone"}, {"described_otherwise"}),
    ({"SeriesDescription": "Soft tissue"}, {"described_otherwise"}),
    ({"SeriesDescription": "Left hand"}, {"described_otherwise"}),
    ({"SeriesDescription": "hand held, portable", "BodyPartExamined": "CHEST"}, set()),
    ({"SeriesDescription": "view: PA"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("tags", "expected"), HEADERS)
def test_intent_kind_and_descriptions_are_looked_at(tmp_path, tags, expected):
    assert answer(radiograph(tmp_path / "a.dcm", **tags)) == expected


SYNTAXES = (
    uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian,
    uid.JPEGLosslessSV1,
)  # fmt: skip
REFUSED = (
    {"ViewPosition": "LL"}, {"BodyPartExamined": "HAND"},
    {"ImageType": ["DERIVED", "PRIMARY", "BONE"]},
    {"Modality": "DX", "SOPClassUID": PROCESSING, "PresentationIntentType": "FOR PROCESSING"},
)  # fmt: skip


def test_what_is_refused_is_refused_in_every_encoding_and_read_with_a_note_where_asked(tmp_path):
    plain = radiograph(tmp_path / "plain.dcm")
    paths, reasons = [], []
    for number, (syntax, tags) in enumerate(itertools.product(SYNTAXES, REFUSED)):
        path = radiograph(tmp_path / f"{number:02}.dcm", syntax, **tags)
        with pytest.raises(RadiographError, match="--any-view") as refused:
            read_radiograph(path)
        read = read_radiograph(path, frontal_only=False)
        assert set(read.notes) == {refused.value.reason}, (syntax, tags)
        assert (read.pixels == read_radiograph(plain).pixels).all(), (syntax, tags)
        paths.append(path)
        reasons.append(refused.value.reason)
    rejected = list(read_squares(paths, 48, workers=1))
    assert all(isinstance(answer, Rejected) for answer in rejected)
    assert [answer.reason for answer in rejected] == reasons
    squares = list(read_squares(paths, 48, workers=1, frontal_only=False))
    assert all((square.pixels == read_square(plain, 48).pixels).all() for square in squares)
    assert [set(square.facts.notes) for square in squares] == [{reason} for reason in reasons]


@pytest.mark.parametrize("tag", ["ViewPosition", "BodyPartExamined", "SeriesDescription",
                                 "StudyDescription", "ProtocolName"])  # fmt: skip
def test_no_message_shows_a_text_that_may_name_somebody(tmp_path, tag):
    path = radiograph(tmp_path / "a.dcm", **{tag: "DOE JANE LATERAL"})
    try:
        said = " ".join(read_radiograph(path).notes.values())
    except RadiographError as error:
        said = str(error)
    assert "lateral" in said
    assert "JANE" not in said


def test_a_damaged_sequence_is_noted_not_refused(tmp_path):
    data = dataset(GREY)
    data.add_new(0x00540220, "LO", "no sequence")
    data.add_new(0x00082218, "LO", "no sequence")
    notes = read_radiograph(write(tmp_path / "a.dcm", data)).notes
    assert set(notes) == {"unclear_view", "unclear_body_part"}
