"""PNG and JPEG pictures of radiographs: grey, or grey stored as three equal colours.

Pillow takes 16 bits a channel for 8 and passes over transparency; libpng is asked for both.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

from pneumo.dicom._channels import grey_levels, is_opaque
from pneumo.dicom._codestreams import BASELINE, jpeg_shape, to_end
from pneumo.dicom._contrast import check_contrast, thinned
from pneumo.dicom._decode import jpeg_8_bit
from pneumo.dicom._guards import check_size
from pneumo.dicom.refusal import Refused, refuse, require

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
DENSITY_DIFFERENCE = 0.02
DEEP, SHALLOW = ("I;16", "I", "I;16B"), ("L", "LA", "RGB", "RGBA")
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""How a picture is turned that was stored as its Exif Orientation says."""

ANEW = "save it as a grey PNG of 8 or 16 bits, or as DICOM"
PngImagePlugin.MAX_TEXT_MEMORY = 2**20  # a compressed comment that inflates to more is refused


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG picture, its size checked and its pixels not decoded yet."""

    image: Image.Image
    data: bytes
    notes: dict[str, str] = field(default_factory=dict)
    """What is doubtful, as in a header: a code and a sentence each."""

    @property
    def frame_size(self) -> tuple[int, int]:
        """Rows and columns, upright. Raises Refused."""
        columns, rows = self.image.size[::-1] if self._orientation() >= 5 else self.image.size
        return rows, columns

    def pixels(self) -> np.ndarray:
        """Grey levels: uint8, ``(rows, columns)``. Raises Refused."""
        with _readable():
            samples = self._jpeg() if self.image.format == "JPEG" else self._png()
            if not is_opaque(samples):
                self.notes["transparent"] = "what is transparent in the picture is background"
            grey = grey_levels(samples)
        check_contrast(thinned(grey), self._bits())
        turn = UPRIGHT.get(self._orientation())
        return grey if turn is None else np.array(Image.fromarray(grey).transpose(turn))

    def _bits(self) -> int:
        return min(8, self.data[24]) if self.image.format == "PNG" else 8

    def _orientation(self) -> int:
        with _readable():
            return int(self.image.getexif().get(ORIENTATION, 1))

    def _jpeg(self) -> np.ndarray:
        data, more = to_end(self.data, "JPEG")
        if more:
            said = f"{more:,} bytes follow the end of the JPEG picture; they are passed over"
            self.notes["trailing_bytes"] = said
        jpeg_8_bit(data, min_height=1, min_width=1)  # Pillow passes over damage
        return np.array(self.image)

    def _png(self) -> np.ndarray:
        depth, colour_type, mode = self.data[24], self.data[25], self.image.mode  # PNG 11.2.1
        if depth < 8 and mode != "P":
            said = f"the PNG has {depth} bits a pixel: {2**depth} grey levels"
            self.notes["few_grey_levels"] = said
        if mode == "P" or "transparency" in self.image.info or (depth == 16 and colour_type):
            self.image.load()  # it checks more than libpng
            return np.asarray(imagecodecs.png_decode(self.data))
        samples = np.asarray(self.image)
        if mode in DEEP:
            if samples.min() < 0 or samples.max() > 65_535:
                refuse("bad_bits", f"the picture has more than 16 bits a pixel; {ANEW}")
            return samples.astype(np.uint16)
        return samples


def is_picture(data: bytes) -> bool:
    """Whether a file begins as PNG or JPEG pictures do."""
    return data.startswith((PNG, JPEG)) and data[128:132] != b"DICM"  # a preamble may be anything


def open_picture(data: bytes) -> Picture:
    """Read the size of a picture and check it. Raises Refused: ``absurd_size``, ``multi_frame``,
    ``bad_header``.
    """
    _check_marks(data)
    with _readable("bad_header", "its header is damaged"):
        image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
        frames = getattr(image, "n_frames", 1)
    check_size(image.size[1], image.size[0], f"the {image.format} picture")
    if frames != 1:
        refuse("multi_frame", f"the picture has {frames} frames; it must be 1")
    if image.mode not in (*DEEP, *SHALLOW, "P"):
        refuse("colour", f"the picture is of mode {image.mode}; {ANEW}")
    return Picture(image, data, _notes(image))


def _notes(image: Image.Image) -> dict[str, str]:
    """What pHYs or JFIF say of the shape of a pixel is noted alone: viewers pass over it too."""
    densities = (image.info.get(key) for key in ("dpi", "aspect", "jfif_density"))
    across, down = next((pair for pair in densities if pair), (1, 1))
    if across == down or abs(across - down) <= DENSITY_DIFFERENCE * max(across, down):
        return {}
    return {"pixel_shape": "the picture says that its pixels are oblong; they are read as square"}


def _check_marks(data: bytes) -> None:
    """Refuse what Pillow cannot read, or reads as something else, by its own marks."""
    if data.startswith(PNG):
        if data[24:25] == b"\1":
            refuse("bad_bits", f"the PNG has 1 bit a pixel, black or white; {ANEW}")
        return
    try:
        shape = jpeg_shape(data)
    except Refused:
        return  # Pillow finds more, or says so
    coded = f"the JPEG picture is of process SOF{shape.process - 0xC0}, which is not read"
    require(
        [
            (shape.process in BASELINE, "unsupported_syntax", f"{coded}; {ANEW}"),
            (
                shape.precision == 8,
                "bad_bits",
                f"the JPEG picture has {shape.precision} bits a sample; only 8 are read; {ANEW}",
            ),
            (
                shape.components in (1, 3),
                "colour",
                f"the JPEG picture has {shape.components} channels, such as CMYK; {ANEW}",
            ),
        ]
    )


@contextmanager
def _readable(reason: str = "cannot_decode", what: str = "it is damaged") -> Iterator[None]:
    """Refuse a picture at which a library fails: Pillow raises many kinds of exceptions."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except Exception as error:
        said = f"the picture cannot be read, since {what} ({type(error).__name__})"
        refuse(reason, f"{said}; {ANEW}")
