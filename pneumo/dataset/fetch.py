"""Get the challenge's archive with the user's own Kaggle account, check it, unpack it, count it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pneumo.base.errors import DataError
from pneumo.base.files import whole
from pneumo.dataset.archive import open_archive, require_space, unpack
from pneumo.dataset.dataset import CLASS_INFO, IMAGES, LABELS
from pneumo.dataset.manifest import check_manifest, write_manifest
from pneumo.dataset.rsna import LABEL_COLUMNS
from pneumo.dataset.tables import read_table

COMPETITION = "rsna-pneumonia-detection-challenge"
FOLDERS = (IMAGES, "stage_2_test_images")
DOWNLOAD_BYTES = 4 * 2**30
"""Room that the challenge's archive needs before it is unpacked, rounded up."""

HOW = f"""Kaggle gives the data to people who accepted the challenge's rules:
  1. sign in at https://www.kaggle.com and accept the rules at
     https://www.kaggle.com/competitions/{COMPETITION}/rules
  2. install Kaggle's client:  uv sync --inexact --extra kaggle
  3. make a token at https://www.kaggle.com/settings/api and save it as ~/.kaggle/access_token
     (or as kaggle.json in ~/.kaggle; or set KAGGLE_API_TOKEN)
  4. run `pneumo fetch rsna` again
or download the archive with a browser and run `pneumo fetch rsna --archive FILE.zip`"""


class Counts(NamedTuple):
    """What a complete archive holds."""

    images: int
    rows: int


RSNA = Counts(images=26_684, rows=30_227)


def fetch(root: Path, archive: Path | None = None, expected: Counts = RSNA) -> Counts:
    """Fill the folder ``root``, whole or not at all, and write its manifest.

    Downloads unless ``archive`` is given. A folder that is there already is checked instead.
    Raises DataError when there are no credentials, no room, or the archive is not the one.
    """
    if root.exists():
        return _check_present(root, expected)
    if archive is not None:
        return _install(archive, root, expected)
    require_credentials()
    require_space(root.parent, 2 * DOWNLOAD_BYTES)
    parts = root.with_name(f".{root.name}.download")
    counts = _install(_download(parts), root, expected)
    shutil.rmtree(parts)
    return counts


def require_credentials() -> None:
    """Raise DataError with what to do when Kaggle's client or an account for it is missing."""
    faults = []
    if _client() is None:
        faults.append("Kaggle's client is not installed")
    if not _has_account():
        faults.append("no Kaggle credentials were found")
    if faults:
        raise DataError(f"{' and '.join(faults)}.\n{HOW}")


def _client() -> str | None:
    beside = Path(sys.executable).with_name("kaggle")
    return str(beside) if beside.exists() else shutil.which("kaggle")


def _has_account() -> bool:
    """Whether Kaggle's client would find credentials; they are not read here."""
    if os.environ.get("KAGGLE_API_TOKEN"):
        return True
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return True
    folders = [Path.home() / ".kaggle", Path.home() / ".config/kaggle"]
    if chosen := os.environ.get("KAGGLE_CONFIG_DIR"):
        folders.insert(0, Path(chosen))
    names = ("access_token", "kaggle.json", "credentials.json")
    return any((folder / name).is_file() for folder in folders for name in names)


def _download(folder: Path) -> Path:
    """The archive, in ``folder``; a download that broke off is taken up again."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(_client()), "competitions", "download", "-c", COMPETITION, "-p", str(folder)]
    code = subprocess.run(command, check=False).returncode
    archives = sorted(folder.glob("*.zip"))
    if code or not archives:
        raise DataError(f"Kaggle's client ended with exit code {code}; its reason is above.\n{HOW}")
    return archives[0]


def _install(path: Path, root: Path, expected: Counts) -> Counts:
    with open_archive(path) as archive:
        members = [member for member in archive.infolist() if _wanted(member)]
        require_space(root.parent, sum(member.file_size for member in members))
        with whole(root) as aside:
            aside.mkdir()
            unpack(archive, members, aside)
            counts = _count(aside, expected, str(path))
            write_manifest(aside)
    return counts


def _wanted(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    if member.is_dir() or len(path.parts) > 2:
        return False
    if len(path.parts) == 2:
        return path.parts[0] in FOLDERS and path.suffix == ".dcm"
    return path.suffix == ".csv"


def _check_present(root: Path, expected: Counts) -> Counts:
    counts = _count(root, expected, str(root))
    if not check_manifest(root):
        write_manifest(root)
    return counts


def _count(root: Path, expected: Counts, where: str) -> Counts:
    """Count radiographs and label rows below ``root``; DataError unless they are ``expected``."""
    missing = [name for name in (IMAGES, LABELS, CLASS_INFO) if not (root / name).exists()]
    if missing:
        raise DataError(f"{where}: holds no {', '.join(missing)}; this is not the challenge's data")
    files = sum(1 for _ in (root / IMAGES).glob("*.dcm"))
    counts = Counts(files, len(read_table(root / LABELS, LABEL_COLUMNS)))
    if counts != expected:
        raise DataError(
            f"{where}: {counts.images} radiographs and {counts.rows} label rows, but the challenge "
            f"has {expected.images} and {expected.rows}; download the archive again"
        )
    return counts
