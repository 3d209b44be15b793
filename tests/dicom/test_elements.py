"""The walk over an ordinary header gives what pydicom gives, of whole and of damaged files."""

import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from pydicom import uid
from pydicom.datadict import dictionary_description

from pneumo.base.errors import RadiographError
from pneumo.dicom import _parse as parsing
from pneumo.dicom import read_radiograph
from pneumo.dicom._elements import ordinary
from pneumo.dicom._header import NAMES
from tests.dicom.files import LOSSLESS, LOSSY, UNCOMPRESSED, dataset, values, write
from tests.dicom.mutants import mutant, seeds

MUTANTS = 1500


def _answer(path):
    """Pixels and facts, or the reason and its sentence."""
    try:
        found = read_radiograph(path)
    except RadiographError as error:
        return error.reason, str(error)
    facts = found.patient_id, found.view, found.sex, found.age, found.spacing_mm
    return (found.pixels.shape, found.pixels.tobytes(), *facts)


def test_damaged_files_get_the_same_answer_with_and_without_it(tmp_path, monkeypatch):
    rng, valid, path = random.Random(7), seeds(tmp_path), tmp_path / "a.dcm"
    used = Counter()
    for number in range(MUTANTS):
        data = mutant(valid[number % len(valid)], rng)
        path.write_bytes(data)
        walked = _answer(path)
        used[ordinary(data, pixels=True) is not None, len(walked) > 2] += 1
        with monkeypatch.context() as without:
            without.setattr(parsing, "ordinary", lambda data, pixels: None)
            assert walked == _answer(path), number
    assert min(used[True, True], used[True, False], used[False, False]) > 50


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
def test_files_of_every_explicit_little_endian_syntax_are_ordinary(tmp_path, syntax):
    data = write(tmp_path / "a.dcm", dataset(values(12), syntax=syntax)).read_bytes()
    expected = syntax not in UNCOMPRESSED or syntax == uid.ExplicitVRLittleEndian
    assert (ordinary(data, pixels=True) is not None) == expected


def test_without_pixels_the_walk_ends_before_them(tmp_path):
    data = write(tmp_path / "a.dcm", dataset(values(12))).read_bytes()
    whole, short = ordinary(data, pixels=True), ordinary(data[:-1000], pixels=False)
    assert set(whole[0]) - set(short[0]) == {0x7FE00010}


@pytest.mark.parametrize(
    "tags",
    [
        {"ReferencedImageSequence": []},
        {"SpecificCharacterSet": "ISO 2022 IR 87"},
    ],
    ids=["a sequence", "another character set"],
)
def test_what_is_unusual_is_left_to_pydicom(tmp_path, tags):
    path = write(tmp_path / "a.dcm", dataset(values(12), **tags))
    assert ordinary(path.read_bytes(), pixels=True) is None
    assert np.array_equal(
        read_radiograph(path).pixels,
        read_radiograph(write(tmp_path / "b.dcm", dataset(values(12)))).pixels,
    )


def test_tags_have_the_names_of_the_standard():
    assert {tag: dictionary_description(tag) for tag in NAMES} == NAMES


def test_ordinary_files_are_read_without_pydicom(tmp_path):
    path = write(tmp_path / "a.dcm", dataset(values(8), bits=8, allocated=8, syntax=LOSSY[0]))
    lines = "import sys; from pathlib import Path; from pneumo.dicom import read_square"
    lines += f"; read_square(Path({str(path)!r}), 64); sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0
