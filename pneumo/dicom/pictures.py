"""PNG and JPEG pictures of radiographs: grey, or grey stored as three equal colours."""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from pneumo.dicom.codestreams import to_end
from pneumo.dicom.decode import jpeg_8_bit
from pneumo.dicom.display import Display
from pneumo.dicom.guards import check_size
from pneumo.dicom.refusal import Refused, refuse
from pneumo.dicom.transforms import apply_table, grey_table, used_codes

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
GREY, COLOURED, DEEP = ("L", "LA"), ("RGB", "RGBA"), ("I;16", "I", "I;16B")
LARGEST_TINT = 24  # grey levels between the channels that JPEG's chroma may leave
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
        """Rows and columns, upright."""
        turned = self.image.getexif().get(0x0112, 1) >= 5
        columns, rows = self.image.size[::-1] if turned else self.image.size
        return rows, columns

    def pixels(self) -> np.ndarray:
        """Grey levels: uint8, ``(rows, columns)``. Raises Refused."""
        try:
            if self.image.format == "JPEG":
                to_end(self.data, "JPEG")
                jpeg_8_bit(self.data, min_height=1, min_width=1)  # Pillow passes over damage
            return _grey(ImageOps.exif_transpose(self.image))
        except (Refused, MemoryError):
            raise
        except Exception as error:  # Pillow raises many kinds on a broken picture
            refuse("cannot_decode", f"the picture cannot be decoded ({type(error).__name__})")


def is_picture(data: bytes) -> bool:
    """Whether a file begins as PNG or JPEG pictures do."""
    return data.startswith((PNG, JPEG)) and data[128:132] != b"DICM"  # a preamble may be anything


def open_picture(data: bytes) -> Picture:
    """Read the size of a picture and check it. Raises Refused: ``absurd_size``, ``multi_frame``,
    ``bad_header``.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
        frames = getattr(image, "n_frames", 1)
    except MemoryError:
        raise
    except Exception as error:
        refuse("bad_header", f"the picture's header cannot be read ({type(error).__name__})")
    check_size(image.size[1], image.size[0], f"the {image.format} picture")
    if frames != 1:
        refuse("multi_frame", f"the picture has {frames} frames; it must be 1")
    return Picture(image, data)


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in DEEP:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65_535:
            refuse("bad_bits", "the picture has more than 16 bits a pixel")
        codes = values.astype(np.uint16)
        return apply_table(
            codes, grey_table(Display(), 16, signed=False, used=used_codes(codes, 16))
        )
    if image.mode in COLOURED:
        _check_uncoloured(np.asarray(image)[..., :3])
        return np.array(image.convert("L"))
    if image.mode in GREY:
        return np.array(image.convert("L"))
    refuse("colour" if image.mode != "P" else "palette", f"the picture is of mode {image.mode}")


def _check_uncoloured(channels: np.ndarray) -> None:
    tint = channels.max(axis=2) - channels.min(axis=2)
    if int(tint.max()) > LARGEST_TINT:
        refuse("colour", "the picture has colours; a radiograph is grey")
