"""The joints between the package, dvc.yaml and params.yaml."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from jinja2 import meta

from pneumo.base.code import reached
from pneumo.base.settings import Settings
from pneumo.cli.commands.pipeline import is_section
from pneumo.report.pages import environment

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = PIPELINE | yaml.safe_load((ROOT / "data/dvc.yaml").read_text())["stages"]


def templates_of(name: str) -> set[str]:
    """A template and all that it extends, includes or imports."""
    pages = environment()
    source = pages.loader.get_source(pages, name)[0]
    return {name}.union(*map(templates_of, meta.find_referenced_templates(pages.parse(source))))


def is_face(path: Path) -> bool:
    """Whether a file is a room's ``__init__.py`` that holds nothing but words."""
    body = ast.parse(path.read_text()).body if path.name == "__init__.py" else [None]
    return all(isinstance(node, ast.Expr) for node in body)


def stage_of(name: str):
    return getattr(import_module(f"pneumo.stages.{name}"), name)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_python_files_it_reaches(name):
    listed = {ROOT / dep for dep in STAGES[name]["deps"] if dep.startswith("pneumo/")}
    found = set(reached(f"pneumo.stages.{name}"))
    for room in [dep for dep in listed if dep.is_dir()]:  # a room that is reached whole
        inside = [path for path in room.rglob("*.*") if "__pycache__" not in path.parts]
        assert all(path in found or is_face(path) for path in inside), room
        listed = listed - {room} | (found & set(inside))
    assert found == {path for path in listed if path.suffix == ".py"}


def test_evaluate_depends_on_exactly_the_templates_of_its_pages():
    listed = {Path(dep).name for dep in STAGES["evaluate"]["deps"] if "/templates/" in dep}
    assert listed == templates_of("report.html") | templates_of("model_card.md")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_settings_it_takes(name):
    parameters = inspect.signature(stage_of(name)).parameters.values()
    taken = {p.name for p in parameters if is_section(p)}
    assert set(STAGES[name]["params"]) == taken <= set(Settings.model_fields)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_its_own_command_with_paths_from_dvc_yaml(name):
    words = STAGES[name]["cmd"].split()
    assert words[:2] == ["pneumo", name]
    assert set(words[2:]) <= {*STAGES[name]["outs"], *STAGES[name]["deps"], "${item.model}"}
