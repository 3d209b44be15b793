"""The joints between the package, dvc.yaml and params.yaml."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from jinja2 import meta

from pneumo.base.code import files_of, imports, reached
from pneumo.commands.pipeline import is_section
from pneumo.pages import environment
from pneumo.settings import Settings

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MLFLOW = ("live", "machine", "tracking", "registry", "registration", "serving")
STAGES = PIPELINE | yaml.safe_load((ROOT / "data/dvc.yaml").read_text())["stages"]


def templates_of(name: str) -> set[str]:
    """A template and all that it extends, includes or imports."""
    pages = environment()
    source = pages.loader.get_source(pages, name)[0]
    return {name}.union(*map(templates_of, meta.find_referenced_templates(pages.parse(source))))


def tops(path: Path) -> set[str]:
    """Top-level packages that a file imports when it runs, also inside functions."""
    return {name.split(".")[0] for name in imports(path)}


def files_imported(path: Path) -> set[Path]:
    return {file for name in imports(path) for file in files_of(name)}


def stage_of(name: str):
    return getattr(import_module(f"pneumo.stages.{name}"), name)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_python_files_it_reaches(name):
    listed = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    found = reached(f"pneumo.stages.{name}")
    assert listed == {str(path.relative_to(ROOT)) for path in found}


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


def test_only_networks_engines_and_training_load_keras():
    for path in (ROOT / "pneumo").rglob("*.py"):
        loads = {"keras", "tensorflow"} & tops(path)
        inside = path.relative_to(ROOT / "pneumo")
        allowed = inside.parts[0] in ("nets", "engines") or str(inside) == "stages/train.py"
        assert allowed or not loads, inside


def test_only_tracking_registry_registration_and_serving_load_mlflow():
    allowed = {ROOT / "pneumo" / f"{name}.py" for name in MLFLOW}
    for path in (ROOT / "pneumo").rglob("*.py"):
        assert "mlflow" not in tops(path) or path in allowed, path


def test_stages_never_import_stages_and_networks_never_import_dicom():
    for path in (ROOT / "pneumo/stages").glob("*.py"):
        assert not any(
            dep.parent.name == "stages" and dep.name != "__init__.py"
            for dep in files_imported(path)
        )
    for path in (ROOT / "pneumo/nets").glob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        assert not any("dicom" in dep.parts for dep in reached(name))
