"""The joints between the package, dvc.yaml and params.yaml."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from jinja2 import meta

from pneumo.commands.pipeline import is_section
from pneumo.pages import environment
from pneumo.settings import Settings

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MLFLOW = ("live", "machine", "tracking", "registry", "registration", "serving")
STAGES = PIPELINE | yaml.safe_load((ROOT / "data/dvc.yaml").read_text())["stages"]


def reached(module: Path) -> set[Path]:
    """All files of the package that ``module`` reaches by import, except docstring-only ones."""
    seen, waiting = set(), [module]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += imported_by(path)
    return {path for path in seen if has_code(path)}


def imported_by(path: Path) -> list[Path]:
    found = []
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found += [file for name in names if name.startswith("pneumo") for file in files_of(name)]
    return found


def outside_imports(path: Path) -> set[str]:
    """Top-level packages that a file imports when it runs, also inside functions."""
    found = set()
    for node in runtime_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def runtime_nodes(tree: ast.AST):
    """Every node that runs: imports under ``if TYPE_CHECKING`` do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from runtime_nodes(node)


def files_of(name: str) -> list[Path]:
    place = ROOT.joinpath(*name.split("."))
    packages = [ROOT.joinpath(*name.split(".")[:n], "__init__.py") for n in range(1, 5)]
    return [p for p in [place.with_suffix(".py"), *packages] if p.is_file()]


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not isinstance(node, ast.Expr) for node in body)


def templates_of(name: str) -> set[str]:
    """A template and all that it extends, includes or imports."""
    pages = environment()
    source = pages.loader.get_source(pages, name)[0]
    return {name}.union(*map(templates_of, meta.find_referenced_templates(pages.parse(source))))


def stage_of(name: str):
    return getattr(import_module(f"pneumo.stages.{name}"), name)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_python_files_it_reaches(name):
    module = ROOT / "pneumo" / "stages" / f"{name}.py"
    listed = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert listed == {str(path.relative_to(ROOT)) for path in reached(module)}


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
        loads = {"keras", "tensorflow"} & outside_imports(path)
        inside = path.relative_to(ROOT / "pneumo")
        allowed = inside.parts[0] in ("nets", "engines") or str(inside) == "stages/train.py"
        assert allowed or not loads, inside


def test_only_tracking_registry_registration_and_serving_load_mlflow():
    allowed = {ROOT / "pneumo" / f"{name}.py" for name in MLFLOW}
    for path in (ROOT / "pneumo").rglob("*.py"):
        assert "mlflow" not in outside_imports(path) or path in allowed, path


def test_stages_never_import_stages_and_networks_never_import_dicom():
    for path in (ROOT / "pneumo/stages").glob("*.py"):
        assert not any(dep.parent.name == "stages" for dep in imported_by(path) if has_code(dep))
    for path in (ROOT / "pneumo/nets").glob("*.py"):
        assert not any("dicom" in dep.parts for dep in reached(path))
