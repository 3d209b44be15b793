"""The law of the house: a room imports rooms of lower floors, never a neighbour."""

import ast
from pathlib import Path

import pytest

from pneumo.base.code import ROOT, files_of, imports

FLOORS = {
    "cli": 9,
    "reading": 8, "rehearsal": 8,
    "stages": 7, "scoring": 7, "experiments": 7, "explore": 7, "pacs": 7, "monitoring": 7,
    "registry": 6, "report": 6, "findings": 6,
    "evaluation": 5,
    "prepared": 4, "tuning": 4, "validation": 4, "intake": 4,
    "dataset": 3, "training": 3, "engines": 3, "servers": 3,
    "nets": 2, "dicom": 2, "tracking": 2, "workflow": 2,
    "detection": 1, "synthetic": 1, "site": 1,
    "base": 0,
}  # fmt: skip
OLD_NAMES = {"boxes", "ensemble", "errors", "rsna"}
"""Thin modules for what was written, or registered, before there were rooms."""

STARTED = {"pneumo.dicom.worker", "pneumo.registry.serving", "pneumo.rehearsal.stage"}
"""Modules that other processes run by name or as a file."""

MLFLOW = {"registry", "tracking"}
KERAS = {"nets", "training", "engines"}
PACKAGE = ROOT / "pneumo"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def named(path: Path) -> set[str]:
    """Every module that a file names in an import, for types alone too."""
    found = set(imports(path))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("pneumo.")}


def test_every_folder_of_the_package_is_a_room_with_a_floor():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(FLOORS)
    flat = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert flat == OLD_NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_lower_floors_and_what_they_offer(path):
    own = room_of(path)
    for name in named(path):
        other, *inside = name.split(".")[1:]
        assert other not in OLD_NAMES, f"{name} is an old name"
        if other != own:
            assert FLOORS[other] < FLOORS[own], f"{own} is on floor {FLOORS[own]}: {name}"
            assert not any(part.startswith("_") for part in inside), f"{name} is {other}'s alone"


def test_no_module_imports_itself_in_a_circle():
    graph = {
        path: {file for name in imports(path) for file in files_of(name)} - {path}
        for path in FILES
        if path.name != "__init__.py"
    }
    left = dict(graph)
    while free := [path for path, needs in left.items() if not needs & set(left)]:
        for path in free:
            del left[path]
    assert not left, sorted(str(path.relative_to(PACKAGE)) for path in left)


@pytest.mark.parametrize(
    ("package", "rooms"),
    [("mlflow", MLFLOW), ("keras", KERAS), ("tensorflow", KERAS), ("jax", KERAS)],
)
def test_only_some_rooms_load_what_is_heavy(package, rooms):
    loading = {room_of(p) for p in FILES if package in {n.split(".")[0] for n in imports(p)}}
    assert loading <= rooms


def test_every_room_says_what_it_is_for_and_what_others_may_use():
    for room in FLOORS:
        face = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))
        assert face, room
        assert f"\n\nFloor {FLOORS[room]}: " in face, room
        offered = {p.stem for p in (PACKAGE / room).glob("*.py") if not p.stem.startswith("_")}
        assert {name for name in offered if f"``{name}``" not in face} == set(), room


def test_what_one_room_alone_uses_is_called_so():
    """A module without an underscore is imported from another room, is run, or is a face's."""
    used = {name for path in FILES for name in named(path) if name.split(".")[1] != room_of(path)}
    folders = (ROOT / name for name in ("dags", "bench", "tests/cluster"))
    outside = [path for folder in folders for path in folder.glob("*.py")]
    outside += list(PACKAGE.glob("*/__init__.py"))  # what a face takes in, it offers
    used |= {name for path in outside for name in imports(path)} | STARTED
    for path in FILES:
        room, name = room_of(path), path.stem
        if room in ("cli", "stages", "synthetic", "base") or name.startswith("_"):
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        starts = 'if __name__ == "__main__"' in path.read_text()
        assert module in used or starts or name == room, module


def test_dag_files_import_the_workflow_alone():
    for path in (ROOT / "dags").glob("*.py"):
        ours = {name for name in imports(path) if name.startswith("pneumo")} - {"pneumo"}
        assert all(name.startswith("pneumo.workflow") for name in ours), path
