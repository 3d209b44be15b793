"""Git, asked about one folder and no other, whatever a hook has put into the environment."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pneumo.base.errors import PneumoError, TransientError

LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""Variables that lead git to another repository than the folder's; git sets them for its hooks."""


def without_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what names a repository."""
    return {name: value for name, value in environment.items() if name not in LOCAL}


def leave_repository() -> None:
    """Take these variables out of this process: DVC and what else is started inherit it."""
    for name in LOCAL:
        os.environ.pop(name, None)


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run git in ``folder``; PneumoError where there is no git."""
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            env=without_repository(os.environ),
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise
        raise PneumoError("git: not installed; this needs it") from error


def ask(folder: Path, *words: str | Path) -> str:
    """What git says; PneumoError where no repository is, TransientError when git fails."""
    done = run(folder, *words)
    if not done.returncode:
        return done.stdout.strip()
    if "not a git repository" in done.stderr:
        raise PneumoError(
            f"{folder}: is in no git repository, which this needs; get the source by `git clone`"
        )
    raise TransientError(f"{folder}: git {words[0]} failed: {done.stderr.strip()}")


def commit_of(folder: Path) -> str:
    """The commit checked out in ``folder``, with ``+`` when files differ from it; or unknown.

    A folder of which git knows no file, as a source that was unpacked inside another repository,
    has none.
    """
    try:
        if not ask(folder, "ls-files"):
            return "unknown"
        commit = ask(folder, "rev-parse", "HEAD")
        return commit + ("+" if ask(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, PneumoError):
        return "unknown"


def own_commit() -> str:
    """``commit_of`` this program; an image, where no git is, says it in its environment."""
    commit = commit_of(Path(__file__).parents[1])
    if commit == "unknown":
        return os.environ.get("PNEUMO_COMMIT") or commit
    return commit
