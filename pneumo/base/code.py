"""Which code made this: the files that a module reaches by import, and their sum.

Whatever is kept for later (a graph, a checkpoint, radiographs that were read) is named by the sum
of the code that made it, so that nothing of other code is taken up. Files are read, not imported.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder that holds the package."""


@cache
def code_sum(module: str, root: Path = ROOT) -> str:
    """SHA-256 over the names and bytes of all files that ``module`` reaches, as 64 hex digits.

    ``module`` is a full name, such as ``pneumo.stages.train``. A comment in a file that is reached
    changes the sum, one elsewhere does not.
    """
    total = hashlib.sha256()
    for path in reached(module, root):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def reached(module: str, root: Path = ROOT) -> list[Path]:
    """The files of the package that ``module`` reaches by import, itself among them, sorted.

    Imports inside functions count, those under ``if TYPE_CHECKING`` do not; a file that holds
    nothing but a docstring is left out. ModuleNotFoundError when there is no such module.
    """
    waiting, place = files_of(module, root), root.joinpath(*module.split("."))
    if not {place.with_suffix(".py"), place / "__init__.py"} & set(waiting):
        raise ModuleNotFoundError(f"{root}: there is no module {module}")
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            own = f"{path.relative_to(root).parts[0]}."
            names = [name for name in imports(path) if f"{name}.".startswith(own)]
            waiting += [file for name in names for file in files_of(name, root)]
    return sorted(path for path in seen if _has_code(path))


def imports(path: Path) -> list[str]:
    """The names of all modules that a file imports when it runs, and of what it takes from them."""
    names: list[str] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def files_of(name: str, root: Path = ROOT) -> list[Path]:
    """The file of a module, and those of the packages around it; none for what is no module."""
    parts = name.split(".")
    packages = [root.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    places = [root.joinpath(*parts).with_suffix(".py"), *packages]
    return [path for path in places if path.is_file()]


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from _running(node)


def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not isinstance(node, ast.Expr) for node in body)
