"""The picture, for viewers that show neither: a Secondary Capture with the boxes burned in."""

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pneumo.dicom import Square
from pneumo.findings._headers import body_part
from pneumo.findings._subject import WARNING, Subject, begun, named, reference
from pneumo.findings._texts import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

SIDE_PX = 1024
AMBER = (255, 200, 0)
EDGE: dict[str, Any] = {"stroke_width": 2, "stroke_fill": (0, 0, 0)}
FONT_PX, MARGIN_PX, LINE_PX = 18, 8, 3


def picture(subject: Subject, square: Square) -> "Dataset":
    """The radiograph as ``square`` of ``SIDE_PX`` has it, with boxes, certainties, a warning."""
    from pydicom import Dataset

    pixels = drawn(subject, square)
    dataset = begun(subject, "sc")
    dataset.BodyPartExamined = body_part(subject.source)
    dataset.ConversionType = "SYN"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = _orientation(subject.source)
    dataset.ContentDate, dataset.ContentTime = subject.date, subject.time
    dataset.DateOfSecondaryCapture = subject.date
    dataset.TimeOfSecondaryCapture = subject.time
    dataset.DerivationDescription = (
        f"{subject.summary()} by pneumo model {subject.version}, sha256 {subject.row.digest}; "
        f"drawn into the picture. {WARNING}."
    )
    purpose, source = Dataset(), reference(subject)
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    source.PurposeOfReferenceCodeSequence = [purpose]
    dataset.SourceImageSequence = [source]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    if (text_of(subject.source, 0x00282110) or "").strip() == "01":
        dataset.LossyImageCompression = "01"  # once lost, always lost (PS3.3 C.7.6.1.1.5)
    data = pixels.tobytes()
    dataset.add_new(0x7FE00010, "OB", data + b"\0" * (len(data) % 2))
    return named(dataset, subject)


def drawn(subject: Subject, square: Square) -> np.ndarray:
    """uint8 ``(rows, columns, 3)``, at most ``SIDE_PX`` a side, pixels as high as wide."""
    frame = square.frame
    image = Image.fromarray(square.pixels).convert("RGB")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_PX)
    for box in subject.row.boxes:
        place = frame.to_square(box)
        corners = (place.x, place.y, place.x + place.width - 1, place.y + place.height - 1)
        draw.rectangle(corners, outline=AMBER, width=LINE_PX)
        where = (place.x + 2 * LINE_PX, place.y + LINE_PX)
        draw.text(where, f"{box.confidence:.0%}", fill=AMBER, font=font, **EDGE)
    (top, left), (rows, columns) = frame.offset, frame.shape
    lines = f"{subject.summary()} (probability {subject.row.probability:.2f})\n{WARNING}"
    foot = (left + MARGIN_PX, top + rows - MARGIN_PX)
    draw.multiline_text(foot, lines, fill=AMBER, font=font, anchor="ld", **EDGE)
    return np.asarray(image)[top : top + rows, left : left + columns]


def _orientation(source: "Dataset") -> list[str] | str:
    """The source's Patient Orientation where it has one; the directions stay as they are."""
    values = [value.strip() for value in (text_of(source, 0x00200020) or "").split("\\")]
    good = len(values) == 2 and all(v and set(v) <= set("ALRPHF") and len(v) <= 3 for v in values)
    return values if good else ""
