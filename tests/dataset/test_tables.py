"""Tables as hospitals, spreadsheets and scripts write them."""

import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.tables import read_table, spell

COLUMNS = ("patientId", "x", "Target")
PLAIN = "patientId,x,Target\n007,264.5,1\nb,,0\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.rstrip("\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", ";").replace(".", ",").encode(),  # a spreadsheet in German
        PLAIN.replace("007", '"007"').replace("b,,", "b, NaN ,").encode(),
        b"Target , x,patientId\n1,264.5,007\n\n0,,b\n",  # another order, blanks, an empty line
        ("sep=;\n" + PLAIN.replace(",", ";")).encode(),  # Excel's first line
        ("sep=;\r\n" + PLAIN.replace(",", ";").replace(".", ",").replace("\n", "\r\n")).encode(),
        ('"sep=,"\n' + PLAIN).encode("utf-8-sig"),
        ("sep=\t\n" + PLAIN.replace(",", "\t")).encode("utf-16"),
        ("sep=|\n" + PLAIN.replace(",", "|")).encode(),
        ("sep=;\n" + PLAIN).encode(),  # it says so, and is not
    ],
)
def test_a_table_reads_the_same_however_it_is_written(content, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    table = read_table(path, COLUMNS, exactly=True, numbers=("x", "Target"))
    assert table["patientId"].tolist() == ["007", "b"]
    assert table["x"].iloc[0] == 264.5
    assert table["x"].isna().tolist() == [False, True]
    assert table["Target"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"patientId,x,Target\n", "has column names, but no rows"),
        (b"patientId,x\na,1\n", r"column Target is missing \(found patientId, x\)"),
        (b"patientId|x|Target\na|1|1\n", "column patientId is missing"),
        (b"patientId,x,Target,y\na,1,1,2\n", "column y does not belong there"),
        (b",patientId,x,Target\n0,a,1,1\n", "column without a name does not belong there"),
        (b"patientId,x,Target,x\na,1,1,2\n", "column x stands twice"),
        (b"patientId,x,Target\na,1,1\nb,1\n", r"1 rows have not 3 cells .*\(line 3\)"),
        (b"patientId,x,Target\na,1,1,\n", r"\(line 2\)"),
        (b"patientId,x,Target\na,CANARY,1\n", r"column x: 1 cells are no numbers \(line 2\)"),
        (b"patientId;x;Target\na;1,024;1\n", "are no numbers"),  # 1024, or 1.024?
        (b"patientId,x,Target\na,1,yes\n" * 1, "column Target"),
        (b'patientId,x,Target\n"a,1,1\n', "a quote is not closed"),
        (b"patientId,x,Target\na\0,1,1\n", "zero bytes"),
        (b"patientId,x,Target\n\xff\xfa,1,1\n", "is not UTF-8"),
    ],
)
def test_a_table_in_doubt_is_refused_in_one_line_without_a_value(content, complaint, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_table(path, COLUMNS, exactly=True, numbers=("x", "Target"))
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_the_index_is_the_line_in_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("patientId,x,Target\n\na,1,1\n\nb,1,1\n")
    assert read_table(path, COLUMNS).index.tolist() == [3, 5]
    path.write_text("sep=;\npatientId;x;Target\na;1;1\n\nb;1;1\n")
    assert read_table(path, COLUMNS).index.tolist() == [3, 5]


def test_a_quoted_cell_keeps_its_line_ends(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'patientId,x,Target\r\n"a\rb\r\nc\nd",1,1\r\n')
    assert read_table(path, COLUMNS)["patientId"].tolist() == ["a\rb\r\nc\nd"]


def test_spellings_of_one_id_become_equal():
    import pandas as pd

    written = [" Ab\t1", "aB1", "ab1.dcm", "AB1.DCM ", "ab1.Dicom", None]
    assert set(spell(pd.Series(written)).tolist()[:-1]) == {"ab1"}
    assert spell(pd.Series(["Übung", "U\u0308bung.dcm"])).nunique() == 1
    assert spell(pd.Series([".dcm", "a.dcm.png"])).tolist() == [".dcm", "a.dcm.png"]
