"""Real radiographs, where the development data are at hand: ours against pydicom and averages."""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pneumo.dicom import read_radiograph, read_square

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("PNEUMO_SHARED", ROOT.parent / "shared"))
FILES = sorted((SHARED / "data/rsna-428/stage_2_train_images").glob("*.dcm"))[::12]


@pytest.mark.skipif(not FILES, reason="the development data are not here")
def test_real_radiographs_equal_full_decoding_and_averaging():
    for path in FILES:
        header = pydicom.dcmread(path)
        full, square = read_radiograph(path), read_square(path, 128)
        assert np.abs(full.pixels.astype(int) - header.pixel_array).max() <= 2, path.stem
        blocks = full.pixels.reshape(128, 8, 128, 8).mean(axis=(1, 3))
        gap = np.abs(square.pixels - blocks)
        assert gap.mean() <= 1, path.stem
        assert gap.max() <= 6, path.stem
        assert (full.view, full.sex) == (header.ViewPosition, header.PatientSex)
