"""Every line of a page that calls one of these programs is a call that it takes, or an example.

What `pneumo`, `airflow`, `dvc` and `mlflow` say of a call before anything of it is run is asked of
them; `make` has the target, `git` the command, a path that is run is there. The rest is named by
its page in a sentence "Examples, which no test runs: ...".
"""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import typer
from airflow.cli.cli_parser import get_parser as airflow_parser
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser as dvc_parser
from mlflow.cli import cli as mlflow_cli

from docs.make import ROOT
from docs.site import CUT, pages
from pneumo.cli.app import app

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
CLI = typer.main.get_command(app)


def shown(text: str) -> list[str]:
    """Lines of indented and fenced code, continued ones joined, cut where one command ends."""
    blocks = "\n".join(
        line.strip().removeprefix("$ ")
        for part in re.split(r"^(```.*?^```)", text, flags=re.M | re.S)
        for line in part.split("\n")
        if part.startswith("```") or line.startswith("    ")
    )
    lines = re.sub(r"\\\n\s*", " ", blocks).split("\n")
    lines = [re.sub(r"^([A-Z_]+=\S* )+", "", line) for line in lines]
    return [word.strip() for line in lines for word in re.split(r"&&|;|\|\|?|[<>]", line)]


def fault(line: str, complete: bool = True) -> str:
    """What the command line says against a call, before anything of it is run; blank: nothing.

    Values need not fit, since pages show placeholders; where it is not ``complete`` none is needed.
    """
    line = re.sub(r" (\.\.\.|>.*)(?=\s|$)", "", line)  # "and so on", and where the output goes
    words = [word.partition("|")[0] for word in shlex.split(line, comments=True)[1:]]
    command, context = CLI, typer.Context(CLI, info_name="pneumo")
    while (inner := getattr(command, "commands", None)) is not None:
        if not words or words[0][0] in "-…" or words[0].isupper():
            return ""
        if words[0] not in inner:
            return f"{words[0]}: no such command"
        command = inner[words.pop(0)]
    if "--help" in words:
        return ""
    try:
        command.make_context(command.name, words, parent=context)
    except typer.BadParameter.__base__ as error:  # a wrong call; Typer names its class nowhere else
        missing = type(error).__name__ in ("MissingParameter", "BadOptionUsage")
        fine = not complete if missing else isinstance(error, typer.BadParameter)
        return "" if fine else f"{type(error).__name__}: {error.format_message()}"
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_lines_of_code_are_calls_that_the_command_line_takes(path):
    lines = shown(path.read_text(encoding="utf-8"))
    calls = [line for line in lines if line.startswith("pneumo ")]
    assert [(line, said) for line in calls if (said := fault(line))] == []
    made = {
        word for line in lines if line.startswith("make ") for word in line.split("#")[0].split()
    }
    assert {w for w in made if re.fullmatch("[a-z-]+", w)} <= {"make", *TARGETS}


def called(path: Path, *programs: str) -> list[list[str]]:
    """The words of a page's lines that call one of ``programs``."""
    lines = shown(path.read_text(encoding="utf-8"))
    return [
        words
        for line in lines
        if line.partition(" ")[0] in programs
        if (words := shlex.split(re.sub(r" \.\.\.(?=\s|$)", "", line), comments=True))
    ]


FOREIGN = ("docker", "buildah", "podman-compose", "kubectl", "helm", "uv", "pip", "curl", "base64",
           "sudo")  # fmt: skip
MARK = r"Examples, which no test runs: ([^.]+)\."


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_no_test_can_ask_is_marked_as_an_example(path):
    marked = re.findall(MARK, path.read_text(encoding="utf-8"))
    names = {name for sentence in marked for name in re.findall("`([^`]+)`", sentence)}
    assert {words[0] for words in called(path, *FOREIGN)} == names


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_lines_of_git_and_of_scripts_name_what_there_is(path):
    known = subprocess.check_output(["git", "--list-cmds=main"], text=True).split()
    assert {words[1] for words in called(path, "git")} <= set(known)
    scripts = [w for word in called(path, "python", "python3", "pytest") for w in word[1:2]]
    scripts += [word[0] for word in called(path, "docker/base.sh", "docker/kubernetes/secrets.sh")]
    assert [name for name in scripts if name != "-m" and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_lines_of_dvc_airflow_and_mlflow_are_calls_that_they_take(path):
    for words in called(path, "dvc"):
        dvc_parser().parse_args(words[1:])
    for words in called(path, "airflow"):
        airflow_parser().parse_args(words[1:])
    for words in called(path, "mlflow"):
        command, context = mlflow_cli, click.Context(mlflow_cli)
        rest = words[1:]
        while rest and isinstance(command, click.Group):
            command = command.get_command(context, rest.pop(0))
            assert command, words
        command.make_context("mlflow", rest)


@pytest.mark.parametrize("line", ["dvc repor", "airflow dag trigger x", "dvc push --runcache x"])
def test_a_wrong_call_of_others_would_be_found(line):
    program, *words = line.split()
    with pytest.raises((SystemExit, DvcParserError)):
        {"dvc": dvc_parser, "airflow": airflow_parser}[program]().parse_args(words)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_named_in_a_sentence_is_a_command(path):
    text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
    calls = re.findall(r"(?<!Model Name )`(pneumo [^`]+)`", text)
    assert [(line, said) for line in calls if (said := fault(line, complete=False))] == []
    assert set(re.findall(r"`make ([a-z-]+)[^`]*`", text)) <= TARGETS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pneumo scoer inbox results", "no such command"),
        ("pneumo registry promot 4", "no such command"),
        ("pneumo score inbox results --modle x", "NoSuchOption"),
        ("pneumo check a b c", "extra argument"),
        ("pneumo metric truth.csv", "MissingParameter"),
        ("pneumo score inbox results --model x", ""),
    ],
)
def test_a_wrong_call_would_be_found(line, said):
    assert said in fault(line)
    assert bool(said) == bool(fault(line))


def test_the_sites_pages_hold_the_whole_readme_and_lead_to_no_file_outside():
    found = pages()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    heads = set(re.findall(r"^## (.+)$", readme, re.M))
    cut = "".join(found[name] for name in ("index", *CUT))
    assert heads == set(re.findall(r"^##? (.+)$", cut, re.M)) - {"pneumo"}
    assert {path.stem for path in PAGES[1:]} < set(found)
    for name, text in found.items():
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert link.startswith(("http", "images/")) or link.removesuffix(".md") in found, name
