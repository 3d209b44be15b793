"""What is kept is named by all code that made it, and by no other."""

from pathlib import Path

import pytest

from pneumo.base.code import ROOT, code_sum, files_of, imports, reached

HOUSE = {
    "__init__.py": '"""The house."""\n',
    "work.py": "from typing import TYPE_CHECKING\n\nfrom house.room import door\n\n"
    "if TYPE_CHECKING:\n    from house.types import Only\n",
    "room/__init__.py": "FACE = 1\n",
    "room/door.py": "def open():\n    import numpy\n    import house.lock as lock\n",
    "lock.py": "KEY = 1\n",
    "types.py": "class Only: ...\n",
    "other.py": "from house import lock\n",
}


@pytest.fixture
def house(tmp_path) -> Path:
    for name, text in HOUSE.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def names(root: Path, module: str) -> list[str]:
    return [path.relative_to(root / "house").as_posix() for path in reached(module, root)]


def total(root: Path, module: str = "house.work") -> str:
    code_sum.cache_clear()  # a process sees one state of its code; this one changes it
    return code_sum(module, root)


def test_imports_in_functions_and_the_faces_of_rooms_are_reached_types_are_not(house):
    assert names(house, "house.work") == ["lock.py", "room/__init__.py", "room/door.py", "work.py"]


@pytest.mark.parametrize("name", ["work.py", "room/__init__.py", "room/door.py", "lock.py"])
def test_a_comment_in_a_reached_file_changes_the_sum(house, name):
    before = total(house)
    with (house / "house" / name).open("a") as file:
        file.write("# said\n")
    assert total(house) != before


@pytest.mark.parametrize("name", ["types.py", "other.py"])
def test_a_comment_elsewhere_does_not(house, name):
    before = total(house)
    with (house / "house" / name).open("a") as file:
        file.write("# said\n")
    assert total(house) == before


def test_a_new_file_is_found_where_a_reached_one_imports_it(house):
    (house / "house/bolt.py").write_text("SIDE = 2\n")
    before = total(house)
    (house / "house/lock.py").write_text("from house import bolt\n")
    after = total(house)
    assert after != before
    assert "bolt.py" in names(house, "house.work")
    (house / "house/bolt.py").write_text("SIDE = 3\n")
    assert total(house) != after


def test_the_sum_is_the_same_wherever_the_package_lies_and_other_for_another_name(house, tmp_path):
    before = total(house)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (house / "house").rename(moved / "house")
    assert total(moved) == before
    (moved / "house/lock.py").rename(moved / "house/bar.py")
    door = moved / "house/room/door.py"
    door.write_text(door.read_text().replace("house.lock", "house.bar"))
    assert total(moved) != before


def test_a_module_that_is_not_there_is_said(house):
    with pytest.raises(ModuleNotFoundError, match="no module house"):
        reached("house.wrok", house)


def test_the_package_imports_by_full_names_alone():
    """So that what is imported can be read from a file alone."""
    for path in (ROOT / "pneumo").rglob("*.py"):
        assert "from ." not in path.read_text(), path
        assert all(files_of(name) for name in imports(path) if name == "pneumo"), path
