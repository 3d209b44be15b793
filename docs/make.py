"""What docs/ says of settings, commands and rooms, written from the code: ``make docs``."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pneumo.base.settings import Settings  # noqa: E402
from pneumo.cli.app import app  # noqa: E402
from pneumo.workflow import RECIPES  # noqa: E402
from tests.test_rooms import FLOORS  # noqa: E402

BEGIN, END = "<!-- rooms: make docs -->\n", "<!-- end of rooms -->\n"


def texts() -> dict[Path, str]:
    """The pages as they should be: path -> text."""
    design = ROOT / "docs" / "design.md"
    before, _, rest = design.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        ROOT / "docs" / "settings.md": "\n".join(settings()) + "\n",
        ROOT / "docs" / "commands.md": "\n".join(commands()) + "\n",
        design: f"{before}{BEGIN}{rooms()}{END}{after}",
    }


def settings() -> Iterator[str]:
    """Every setting with its meaning and its value in each recipe."""
    values = {name: yaml.safe_load((ROOT / f"recipes/{name}.yaml").read_text()) for name in RECIPES}
    yield "# Settings\n"
    yield "All in `params.yaml`, which is a copy of a file in `recipes/` (`pneumo recipe NAME`)."
    yield "There are no defaults in code; unknown and missing keys are refused, all at once."
    for section, field in Settings.model_fields.items():
        fields = getattr(field.annotation, "model_fields", None)
        if fields is None:
            yield f"\n## {section}\n"
            yield "The networks, and their order: all four; `few` has the three U-Nets.\n"
            continue
        yield f"\n## {section}\n\n{(field.annotation.__doc__ or '').strip()}\n"
        yield f"| setting | meaning | {' | '.join(RECIPES)} |\n|---|---|{'---|' * len(RECIPES)}"
        for key, inner in fields.items():
            shown = (_shown(values[name][section][key]) for name in RECIPES)
            yield f"| `{section}.{key}` | {inner.description} | {' | '.join(shown)} |"


def _shown(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).split("\n")[0]


def commands() -> Iterator[str]:
    """Every command with its arguments, options and example."""
    yield "# Commands\n"
    yield "As `pneumo COMMAND --help` says it. The README has the exit codes."
    for name, command in sorted(_flat("pneumo", typer.main.get_command(app))):
        yield f"\n## {name}\n\n{_paragraphs(command.help or '')}\n"
        for parameter in command.params:
            if parameter.name != "help":
                yield f"- `{_call(parameter)}` {getattr(parameter, 'help', None) or ''}".rstrip()


def _flat(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
    for word, below in (inner or {}).items():
        yield from _flat(f"{name} {word}", below)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _call(parameter: click.Parameter) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def rooms() -> str:
    """The house as a drawing: a line per room, from the roof down."""
    lines, above = [], None
    for room, floor in FLOORS.items():
        mark = f"{floor}" if floor != above else " "
        lines += [""] if above is not None and floor != above else []
        lines.append(f"    {mark}  {room:<12} {_purpose(room)}")
        above = floor
    return "\n".join(lines) + "\n"


def _purpose(room: str) -> str:
    face = ROOT / "pneumo" / room / "__init__.py"
    words = ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))) or ""
    return " ".join(words.split("\n\n")[0].split())


if __name__ == "__main__":
    for place, text in texts().items():
        place.write_text(text, encoding="utf-8")
