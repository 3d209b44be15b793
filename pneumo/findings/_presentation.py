"""The overlay: a Grayscale Softcopy Presentation State (PS3.3 A.33.1) with the boxes as lines."""

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pneumo.findings._headers import body_part
from pneumo.findings._report import corners
from pneumo.findings._subject import WARNING, Subject, begun, named, reference
from pneumo.findings._tables import Window, composed, sixteen_bits, table_of
from pneumo.findings._texts import text_of

if TYPE_CHECKING:
    from pydicom import Dataset

LAYER = "FINDINGS"
SPACINGS = (0x00280030, 0x00181164, 0x00182010, 0x00280034)
"""Pixel Spacing, at the imager, of a scanner, Pixel Aspect Ratio: the first there counts."""
WINDOW_CENTER, WINDOW_WIDTH, RESCALE_INTERCEPT, RESCALE_SLOPE = (
    0x00281050, 0x00281051, 0x00281052, 0x00281053,
)  # fmt: skip
LARGEST_IS = 2**31 - 1
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
NARROWEST = {"LINEAR": 1.0}
LINE_COLOUR = (53000, 37000, 45000)  # PCS values of CIELab (PS3.3 C.10.7.1.1): amber


def presentation(subject: Subject) -> "Dataset":
    """The presentation state of one radiograph: how it is shown, boxes, certainties, a warning."""
    from pydicom import Dataset

    dataset = begun(subject, "gsps")
    dataset.BodyPartExamined = body_part(subject.source)
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = subject.date, subject.time
    dataset.ContentLabel, dataset.ContentDescription = "AI_FINDINGS", f"{subject.summary()}"
    dataset.ContentCreatorName = ""
    series = Dataset()
    series.SeriesInstanceUID = subject.taken.reference["SeriesInstanceUID"]
    series.ReferencedImageSequence = [reference(subject)]
    dataset.ReferencedSeriesSequence = [series]
    dataset.DisplayedAreaSelectionSequence = [_area(subject)]
    _grey_levels(dataset, subject)
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = LAYER, 1
    layer.GraphicLayerRecommendedDisplayGrayscaleValue = 65535
    layer.GraphicLayerRecommendedDisplayCIELabValue = list(LINE_COLOUR)
    dataset.GraphicLayerSequence = [layer]
    dataset.GraphicAnnotationSequence = [_annotation(subject)]
    return named(dataset, subject)


def _area(subject: Subject) -> "Dataset":
    """The whole image; its corner is 1\\1 here (PS3.3 C.10.4)."""
    from pydicom import Dataset

    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [subject.row.columns, subject.row.rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelAspectRatio = _ratio(subject.source)
    return area


def _ratio(source: "Dataset") -> list[int]:
    """Height and width of a pixel as whole numbers; square where nothing is told."""
    for tag in SPACINGS:
        numbers = _numbers(source, tag)
        if len(numbers) == 1 and tag != SPACINGS[-1]:
            numbers *= 2
        if len(numbers) == 2 and all(number > 0 for number in numbers):
            high, wide = map(Fraction, numbers)
            small = (max(high, wide) / min(high, wide)).limit_denominator(1000)
            shape = [small.numerator, small.denominator]
            if shape[0] <= LARGEST_IS:
                return shape if high >= wide else shape[::-1]
    return [1, 1]


def _grey_levels(dataset: "Dataset", subject: Subject) -> None:
    """Modality LUT, VOI LUT and polarity, as the source has them (PS3.3 C.11.1, C.11.8, C.11.6)."""
    from pydicom import Dataset

    source = subject.source
    modality, voi = (table_of(source, f"{name}LUTSequence") for name in ("Modality", "VOI"))
    windows, function = _windows(source), _function(source)
    shown = Dataset()
    if modality:
        window = Window(*windows[0], function) if windows else None
        shown.VOILUTSequence = [composed(modality, voi or window)]
    else:
        _rescale(dataset, source)
        if voi:
            shown.VOILUTSequence = [sixteen_bits(voi)]
        elif windows:
            shown.WindowCenter, shown.WindowWidth = (
                list(side) for side in zip(*windows, strict=True)
            )
            if function != "LINEAR":
                shown.VOILUTFunction = function
    if len(shown):
        dataset.SoftcopyVOILUTSequence = [shown]
    darkest_is_white = (text_of(source, 0x00280004) or "").strip().upper() == "MONOCHROME1"
    dataset.PresentationLUTShape = "INVERSE" if darkest_is_white else "IDENTITY"


def _rescale(dataset: "Dataset", source: "Dataset") -> None:
    """Slope and intercept, as the radiograph is read: one that is missing changes nothing, and a
    presentation state has both or none (PS3.3 C.11.1)."""
    slope, intercept = _one(source, RESCALE_SLOPE, 1.0), _one(source, RESCALE_INTERCEPT, 0.0)
    told = any((text_of(source, tag) or "").strip() for tag in (RESCALE_SLOPE, RESCALE_INTERCEPT))
    if told and slope and intercept is not None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        dataset.RescaleType = "US"


def _one(source: "Dataset", tag: int, missing: float) -> float | None:
    """A number; ``missing`` where there is none, None where what is there is no number."""
    if not (text_of(source, tag) or "").strip():
        return missing
    return next(iter(_numbers(source, tag)), None)


def _function(source: "Dataset") -> str:
    function = (text_of(source, 0x00281056) or "").strip().upper()
    return function if function in FUNCTIONS else "LINEAR"


def _windows(source: "Dataset") -> list[tuple[float, float]]:
    """Centres and widths that can be used; a LINEAR one narrower than 1 is none."""
    narrowest = NARROWEST.get(_function(source), 0.0)
    pairs = zip(_numbers(source, WINDOW_CENTER), _numbers(source, WINDOW_WIDTH), strict=False)
    return [(c, w) for c, w in pairs if w >= narrowest and w > 0]


def _numbers(source: "Dataset", tag: int) -> list[float]:
    """Decimal strings, a comma read as a point; none where one is no number."""
    from pydicom.valuerep import format_number_as_ds

    try:
        texts = (text_of(source, tag) or "").replace(",", ".").split("\\")
        numbers = [float(text) for text in texts if text.strip()]
    except ValueError:
        return []
    if not all(map(math.isfinite, numbers)):
        return []
    return [float(format_number_as_ds(number)) for number in numbers]  # at most 16 characters


def _annotation(subject: Subject) -> "Dataset":
    from pydicom import Dataset

    annotation = Dataset()
    annotation.GraphicLayer = LAYER
    if subject.row.boxes:
        annotation.GraphicObjectSequence = [
            _polyline(subject, n) for n in range(len(subject.row.boxes))
        ]
    texts = [_label(subject, number) for number in range(len(subject.row.boxes))]
    annotation.TextObjectSequence = [*texts, _line(subject)]
    return annotation


def _polyline(subject: Subject, number: int) -> "Dataset":
    from pydicom import Dataset

    graphic = Dataset()
    graphic.GraphicAnnotationUnits, graphic.GraphicDimensions = "PIXEL", 2
    points = corners(subject.row.boxes[number])
    graphic.NumberOfGraphicPoints = len(points)
    graphic.GraphicData = _single(*points.ravel())
    graphic.GraphicType, graphic.GraphicFilled = "POLYLINE", "N"
    return graphic


def _label(subject: Subject, number: int) -> "Dataset":
    """The certainty of a box, at its corner."""
    from pydicom import Dataset

    box, text = subject.row.boxes[number], Dataset()
    text.AnchorPointAnnotationUnits = "PIXEL"
    text.UnformattedTextValue = f"Opacity {number + 1}: {box.confidence:.0%}"
    text.AnchorPoint, text.AnchorPointVisibility = _single(box.x, box.y), "N"
    return text


def _line(subject: Subject) -> "Dataset":
    """Summary, model and warning, at the foot of the picture."""
    from pydicom import Dataset

    text = Dataset()
    text.BoundingBoxAnnotationUnits = "DISPLAY"
    text.UnformattedTextValue = (
        f"{subject.summary()} (probability {subject.row.probability:.2f}); pneumo model "
        f"{subject.version}, {subject.row.digest[:12]}. {WARNING}."
    )
    text.BoundingBoxTopLeftHandCorner = _single(0.01, 0.95)
    text.BoundingBoxBottomRightHandCorner = _single(0.99, 0.99)
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    return text


def _single(*values: float) -> list[float]:
    """Numbers as VR FL holds them."""
    return [float(np.float32(value)) for value in values]
