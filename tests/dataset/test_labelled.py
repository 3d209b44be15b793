"""A table names files, and the files are found however both are spelt."""

import pytest

from pneumo.dataset.labelled import Columns, read_labelled


def read(folder, table, *files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "labels.csv").write_text(table)
    return read_labelled(folder, None, Columns(), {})


@pytest.mark.parametrize(
    ("named", "file"),
    [
        ("\u00dcbung.png", "U\u0308bung.png"),  # composed in the table, decomposed on a Mac's disk
        ("U\u0308bung.png", "\u00dcbung.png"),
        ("\u00dcbung", "st/U\u0308bung.png"),
        ("a1.dcm", "a1.DCM"),
        ("A1", "a1.dcm"),
        ("a1.dcm", "st/a1"),
        ("st\\a1.dcm", "st/a1.dcm"),
        ("./st/a1.dcm", "st/a1.dcm"),
        ("img.1", "img.1.dcm"),
    ],
)
def test_a_file_is_found_though_its_name_is_spelt_otherwise(tmp_path, named, file):
    rows = read(tmp_path, f"file,label\n{named},ill\n", file, "other/b.dcm")
    assert rows["reason"].tolist() == [""]
    assert rows["path"].tolist() == [str(tmp_path / file)]


def test_the_name_that_is_spelt_so_counts_and_one_in_doubt_is_none(tmp_path):
    rows = read(tmp_path, "file,label\na.png,ill\nA.png,well\nB.png,ill\n",
                "a.png", "A.png", "b.png", "st/b.png")  # fmt: skip
    found = dict(zip(rows["file"], rows["path"], strict=True))
    assert found["a.png"] == str(tmp_path / "a.png")
    assert found["A.png"] == str(tmp_path / "A.png")
    assert found["B.png"] == str(tmp_path / "b.png")  # by its place


def test_a_file_that_is_named_twice_is_not_learnt_from(tmp_path):
    rows = read(tmp_path, "file,label\na.png,ill\nA.PNG,ill\n", "a.png")
    assert rows["reason"].tolist() == ["two_labels"] * 2


def test_placeholders_are_people_of_their_own_and_spellings_are_one(tmp_path, capsys):
    table = "file,label,person\na,ill,7\nb,ill,007\nc,ill,None\nd,ill,nan\ne,ill,\n"
    rows = read(tmp_path, table, *"abcde")
    assert rows["person"].tolist() == ["007", "007", "c", "d", "e"]
    said = capsys.readouterr().out
    assert "3 images name no person (None, nan, blank); each counts as a person of its" in said
