"""What a person names to be scored: files, folders, and zip archives, which are unpacked first."""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pneumo.base.errors import DataError
from pneumo.base.files import sha256, whole
from pneumo.base.safe import printable
from pneumo.dataset.archive import LARGEST_BYTES, MOST_MEMBERS, fault_of, members_of, unpack_one
from pneumo.dataset.folder import list_folder
from pneumo.dicom.ours import is_ours
from pneumo.dicom.passed_over import passed_over
from pneumo.dicom.source import LARGEST_FILE_BYTES, leaves
from pneumo.scoring._room import is_full

ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Item:
    """One file to score: where its bytes are, and what it is called; or why it is not read.

    ``file`` and ``image_id`` (its name without an extension) are texts from outside.
    """

    file: str
    image_id: str
    path: Path
    reason: str = ""
    message: str = ""


def list_inputs(inputs: Sequence[Path], unpacked: Path) -> list[Item]:
    """Every file that ``inputs`` name, in a fixed order, but for what is ``passed_over``.

    The members of zip archives are written below ``unpacked`` under numbers; what cannot be trusted
    in an archive, or is a link out of its folder, has a reason. Raises DataError when an input is
    not there, or none holds a file.
    """
    if missing := [path for path in inputs if not path.exists() and not path.is_symlink()]:
        raise DataError(
            f"{printable(missing[0])}: there is no such file or folder; correct its name"
        )
    items = [item for source in inputs for item in _below(source, unpacked)]
    if not items:
        named = ", ".join(printable(path) for path in inputs)
        raise DataError(f"{named}: holds no file, hidden ones aside; name another one")
    return items


def _below(source: Path, unpacked: Path) -> Iterator[Item]:
    for path in list_folder(source):
        if source.is_dir() and leaves(path, source):
            yield _item(str(path), path, "link_outside", "is a link out of its folder")
        elif _is_zip(path):
            yield from _members(path, unpacked)
        else:
            yield _item(str(path), path)


def _item(file: str, path: Path, reason: str = "", message: str = "") -> Item:
    name = PurePosixPath(file).name.encode(errors="replace").decode()  # not all bytes are UTF-8
    return Item(
        file, re.sub(r"\.(dcm|dicom|png|jpe?g)$", "", name, flags=re.I), path, reason, message
    )


def _is_zip(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) == ZIP
    except OSError:
        return False


def _members(path: Path, unpacked: Path) -> Iterator[Item]:
    """The members of an archive, which is unpacked once: its folder has the name of its sum."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in members_of(archive) if not member.is_dir()]
            _check(path, members)
            folder = unpacked / sha256(path)
            if not folder.exists():
                _unpack(archive, members, folder)
            yield from _unpacked(path, members, folder)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        if is_full(error):
            raise
        yield _item(str(path), path, "bad_archive", f"cannot be unpacked ({type(error).__name__})")


def _check(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or total > LARGEST_BYTES:
        raise DataError(
            f"{printable(path)}: holds {len(members):,} files, {total / 2**30:.0f} GiB; at most "
            f"{MOST_MEMBERS:,} and {LARGEST_BYTES // 2**30} GiB are unpacked"
        )


def _unpack(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], folder: Path) -> None:
    with whole(folder) as aside:
        aside.mkdir(parents=True)
        for number, member in enumerate(members):
            if not _fault(member):
                try:
                    unpack_one(archive, member, aside / str(number))
                except DataError as error:
                    if is_full(cause := error.__context__) and cause:
                        raise cause from None
                    (aside / str(number)).unlink(missing_ok=True)


def _unpacked(path: Path, members: Sequence[zipfile.ZipInfo], folder: Path) -> Iterator[Item]:
    aside = _aside(members)
    for number, member in enumerate(members):
        if member.filename in aside:
            continue
        file, target = f"{path}/{member.filename}", folder / str(number)
        fault = _fault(member)
        if not fault and not target.exists():
            fault = "cannot be unpacked"
        if is_ours(target):
            continue
        yield _item(file, target, "bad_member" if fault else "", fault)


def _aside(members: Sequence[zipfile.ZipInfo]) -> set[str]:
    """The names of members that ``passed_over`` would leave out of a folder."""
    folders: dict[PurePosixPath, set[str]] = defaultdict(set)
    files: dict[PurePosixPath, set[str]] = defaultdict(set)
    paths = [PurePosixPath(member.filename) for member in members]
    for path in paths:
        files[path.parent].add(path.name)
        for folder in path.parents[:-1]:
            folders[folder.parent].add(folder.name)
    left_out = {
        folder / name
        for folder in folders.keys() | files.keys()
        for name in passed_over(folders[folder], files[folder]) | {"__MACOSX"}
        if name != ".."
    }
    return {
        member.filename
        for member, path in zip(members, paths, strict=True)
        if not left_out.isdisjoint([path, *path.parents])
    }


def _fault(member: zipfile.ZipInfo) -> str:
    if member.file_size > LARGEST_FILE_BYTES:
        return f"has {member.file_size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read"
    return fault_of(member)
