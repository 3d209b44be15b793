"""The README names what is there."""

import re
from pathlib import Path

import pytest
import yaml

from pneumo.cli.app import app
from pneumo.cli.commands import registry, task

ROOT = Path(__file__).parents[1]
COMMANDS = [c.callback.__name__.replace("_", "-") for c in app.registered_commands]
README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_its_table_with_the_demos_value():
    for section, values in yaml.safe_load((ROOT / "recipes/demo.yaml").read_text()).items():
        for key, value in values.items() if isinstance(values, dict) else ():
            shown = yaml.safe_dump(value, default_flow_style=True).split("\n")[0]
            assert re.search(rf"\| `{section}\.{key}` \| .+ \| {re.escape(shown)} \|", README), key


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_its_table(command):
    table = README.split("## Commands")[1].split("## Settings")[0]
    assert f"`pneumo {command}`" in table or f"`{command}`" in table


@pytest.mark.parametrize(
    ("group", "command"),
    [("registry", c) for c in registry.COMMANDS] + [("task", c) for c in task.COMMANDS],
)
def test_every_command_of_a_group_is_in_its_table(group, command):
    table = README.split("## Commands")[1].split("## Settings")[0]
    (row,) = [line for line in table.split("\n") if line.startswith(f"| `pneumo {group} ")]
    assert f"`{command}`" in row.replace(f"`pneumo {group} ", "`")


def test_every_picture_and_page_that_it_links_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_that_it_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
