"""An inbox of distinct radiographs for measurements, of any size."""

import io
import os
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, generate_uid

ROOT = Path(__file__).parents[1]


def sources(folder: Path) -> list[Path]:
    """The RSNA-like files of PNEUMO_SHARED, else 40 radiographs of the demo below ``folder``."""
    shared = Path(os.environ.get("PNEUMO_SHARED", ROOT.parent / "shared"))
    if found := sorted((shared / "data/rsna-428/stage_2_train_images").glob("*.dcm")):
        return found
    from pneumo.base.settings import DemoSettings
    from pneumo.stages.demo import demo

    if not (folder / "demo").exists():
        demo(folder / "demo", demo=DemoSettings(images=40, seed=1))
    return sorted((folder / "demo/stage_2_train_images").glob("*.dcm"))


def fill(inbox: Path, count: int, folder: Path) -> None:
    """Write ``count`` files of different content: after the sources, darker copies of them."""
    inbox.mkdir(parents=True)
    known = sources(folder)
    for number in range(count):
        source, darker = known[number % len(known)], number // len(known)
        target = inbox / f"{number:06d}.dcm"
        if darker:
            _darker(source, target, 1 - 0.01 * darker)
        else:
            target.hardlink_to(source) if source.stat().st_dev == inbox.stat().st_dev else (
                target.write_bytes(source.read_bytes())
            )


def _darker(source: Path, target: Path, share: float) -> None:
    data = pydicom.dcmread(source)
    pixels = (data.pixel_array * share).astype(np.uint8)
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "JPEG", quality=75)
    data.PixelData = encapsulate([coded.getvalue()])
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.SOPInstanceUID = generate_uid(entropy_srcs=[target.name])
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(target)
