import pytest

from pneumo.base.errors import DataError
from pneumo.dataset.manifest import MANIFEST, check_manifest, write_manifest


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        (tmp_path / "images" / f"{name}.dcm").write_bytes(name.encode() * 100)
    write_manifest(tmp_path)
    return tmp_path


def test_untouched_files_pass_and_no_manifest_is_no_fault(root):
    assert check_manifest(root)
    (root / MANIFEST).unlink()
    assert not check_manifest(root)


def change(root):
    (root / "images/a.dcm").write_bytes(b"b" * 100)


def lose(root):
    (root / "images/a.dcm").unlink()


def add(root):
    (root / "images/c.dcm").touch()


def tear(root):
    (root / MANIFEST).write_text('{"files": {"a": "b"}')


def forge(root):
    (root / MANIFEST).write_text('{"files": {}, "sha256": ""}')


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (change, r"images/a\.dcm: its sha256 differs"),
        (lose, r"images/a\.dcm: is missing"),
        (add, r"images/c\.dcm: is not listed"),
        (tear, "is no manifest"),
        (forge, "is no manifest"),
    ],
)
def test_a_file_that_is_not_as_it_was_is_named(root, damage, complaint):
    damage(root)
    with pytest.raises(DataError, match=complaint):
        check_manifest(root)
    write_manifest(root)
    assert check_manifest(root)


def test_a_name_cannot_forge_a_line(root):
    (root / "x\nok: all is well").touch()
    with pytest.raises(DataError, match=r"x\\nok: all is well: is not listed"):
        check_manifest(root)
