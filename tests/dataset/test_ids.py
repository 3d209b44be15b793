"""Lists of IDs, and IDs that several tables spell differently."""

import pandas as pd
import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.ids import Names, read_ids, same_images

KNOWN = ["a1", "B2", "0003"]


@pytest.mark.parametrize(
    "content",
    [
        "a1\nb2\n",
        "a1.dcm\nB2.DCM\n",
        "patientId\na1\n\nb2",
        "patientid\r\na1\r\nb2\r\n",
        "Image ID\n a1 \nb2\n",
        "filename\na1.dcm\nb2.dcm\n",
        "a1,\nb2,\n",
        '"a1"\n"b2"\n',
        "a1,test\nb2,test\n",
        "1,a1\n2,b2\n",
        "a1;7\nb2;9\n",
        "patientId,set\na1,test\nb2,test\n",
        "nr\tpatientId\n1\ta1\n2\tb2\n",
        "patientId,file\na1,a1.dcm\nb2,b2.dcm\n",  # both are known; one is called so
        "sep=;\npatientId;set\na1;test\nb2;test\n",
        "\ufeffa1\nb2\n",
    ],
)
def test_a_list_of_ids_is_read_however_it_is_written(content, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_bytes(content.encode())
    assert read_ids(path, KNOWN) == ["a1", "b2"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a1,a1.dcm\n", "has 2 columns, and IDs of images in 2 of them"),
        ("a1,b2,0003\n", "has 3 columns, and IDs of images in 3 of them"),
        ("x,y\n", "has 2 columns, and IDs of images in 0 of them"),
        ("patientId\n", "holds no ID"),
        ("", "is empty"),
    ],
)
def test_a_list_in_doubt_is_refused_in_one_line(content, complaint, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_ids(path, KNOWN)
    assert "\n" not in str(caught.value)


def test_an_id_becomes_the_name_that_alone_is_meant():
    names = Names(["a1", "B2", "x", "X"])
    asked = ["a1", "A1.dcm", "b2 ", "x", "X", " x", "nobody.dcm", None]
    found = names.of(pd.Series(asked, dtype=object)).tolist()
    assert found[:5] == ["a1", "a1", "B2", "x", "X"]  # each is spelt so, or alone is meant
    assert found[5:7] == [" x", "nobody.dcm"]  # x or X? and there is no such image
    assert pd.isna(found[7])


def test_images_of_two_tables_are_matched_unless_one_stands_twice():
    assert same_images({"A1.dcm": 1, "z": 2}, ["a1"], "s.csv") == {"a1": 1, "z": 2}
    with pytest.raises(DataError, match=r"s\.csv: an image stands twice"):
        same_images({"A1.dcm": 1, "a1": 2}, ["a1"], "s.csv")
