"""The table that report, gate and registry compare."""

import numpy as np
import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.detection.boxes import Box
from pneumo.evaluation.cases import COLUMNS, make_cases, read_cases, subgroups

IMAGES = pd.DataFrame(
    {
        "patientId": ["a", "b", "c"],
        "person": ["1", "1", "2"],
        "class": ["Lung Opacity", "Normal", "Normal"],
        "view": ["AP", "PA", "AP"],
        "sex": ["F", "F", "M"],
        "age": [30.0, 60.0, 150.0],
    }
)
BOX = Box(0, 0, 100, 50)


def _cases():
    truth, found = {"a": [BOX], "b": [], "c": []}, {"a": [BOX], "b": [], "c": [BOX]}
    return make_cases(IMAGES, truth, found, np.array([0.9, 0.1, 0.8]))


def test_a_case_says_what_was_there_and_what_was_found(tmp_path):
    table = _cases()
    assert tuple(table) == COLUMNS
    assert table["person"].tolist() == [0, 0, 1]
    assert table["precision"].tolist()[::2] == [1.0, 0.0]
    assert np.isnan(table["precision"][1])  # healthy and uncalled: left out
    assert table["truth_area_px"][0] == 5000
    table.to_csv(tmp_path / "cases.csv", index=False)
    pd.testing.assert_frame_equal(read_cases(tmp_path / "cases.csv"), table)


def test_groups_leave_out_impossible_ages():
    groups = subgroups(_cases())
    assert groups["view AP"].tolist() == [True, False, True]
    assert groups["age 60 and over"].tolist() == [False, True, False]


def test_a_table_without_its_columns_is_refused(tmp_path):
    (tmp_path / "cases.csv").write_text("image\n0\n")
    with pytest.raises(DataError, match="lacks the columns person"):
        read_cases(tmp_path / "cases.csv")
