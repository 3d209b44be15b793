"""The pages on settings, commands and rooms say what the code says."""

import ast
import re
from collections import defaultdict

import pytest

from docs.make import ROOT, texts
from pneumo.base.settings import Settings

MODULES = sorted((ROOT / "pneumo").rglob("*.py"))
ELSEWHERE = {*Settings.model_fields, "keras", "pneumo"}
"""First words of settings, of another library's names, and of tags in the registry."""

FILES = {"csv", "html", "json", "md", "npz", "py", "yaml"}


def test_what_is_written_from_the_code_is_up_to_date():
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in texts().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs`"


def test_every_setting_and_every_command_is_there():
    pages = {path.name: text for path, text in texts().items()}
    for setting in ("data.root", "train.encoder_weights", "promotion.approval", "score.precision"):
        assert f"| `{setting}` | " in pages["settings.md"]
    for command in ("score", "registry rollback", "task stage", "check"):
        assert f"## pneumo {command}\n" in pages["commands.md"]


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170


def defined(tree: ast.AST) -> set[str]:
    """Names that a module or a class defines."""
    names = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            names |= {n.id for n in ast.walk(target or node) if target and isinstance(n, ast.Name)}
    return names


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Module, room or class -> what can be named after it and a dot."""
    names: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = path.parent.name if path.name == "__init__.py" else path.stem
        names[own] |= defined(tree)
        names[path.parent.name].add(path.stem)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names[node.name] |= defined(node)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_docstring_names_is_there(path, known):
    tree, own = ast.parse(path.read_text(encoding="utf-8")), path.stem
    said = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    for text in (s for s in said if isinstance(s, str)):
        for first, *rest in (n.split(".") for n in re.findall(r"``(\w+(?:\.\w+)+)``", text)):
            if first in known and first not in ELSEWHERE and rest[-1] not in FILES:
                for before, name in zip((first, *rest), rest, strict=False):
                    assert name in known[before], f"{own}: ``{first}.{'.'.join(rest)}``"
