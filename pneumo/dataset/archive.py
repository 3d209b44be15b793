"""Zip archives from elsewhere: every member is looked at before anything is written."""

import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pneumo.base.errors import DataError

LARGEST_BYTES = 32 * 2**30
LARGEST_RATIO = 200
"""Times a member may grow; RSNA's tables, which repeat themselves, grow by 10."""

MOST_MEMBERS = 100_000
SPARE_BYTES = 2**30
CHUNK = 2**20


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive whose members are safe to unpack; DataError lists what is not."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: is no zip archive that can be read ({error})") from None
    members = members_of(archive)
    if faults := [*_of_all(members, path.stat().st_size), *_of_each(members)]:
        archive.close()
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise DataError(
            f"{path}: is not unpacked; {len(faults)} members cannot be trusted\n  "
            + "\n  ".join(faults[:5])
            + more
        )
    return archive


def members_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members, folders too; a backslash in a name separates folders, as Windows writes it.

    ``filename`` is changed for good, ``orig_filename`` is not.
    """
    for member in archive.infolist():
        member.filename = member.filename.replace("\\", "/")
    return archive.infolist()


def require_space(folder: Path, size: int) -> None:
    """Raise DataError when the disk of ``folder`` has no room for ``size`` bytes and 1 GiB."""
    place = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(place).free
    if free < size + SPARE_BYTES:
        raise DataError(
            f"{folder}: {(size + SPARE_BYTES) / 2**30:.1f} GiB are needed, "
            f"{free / 2**30:.1f} GiB are free; make room, or choose another disk"
        )


def unpack(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], folder: Path) -> None:
    """Write ``members`` below ``folder``; DataError when one is not what its entry says."""
    for member in members:
        target = folder / member.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        unpack_one(archive, member, target)


def unpack_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one member to ``target``; DataError when it is not what its entry says."""
    try:
        with archive.open(member) as source, target.open("xb") as out:
            _copy(source, out, member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{_safe(member.filename)}: cannot be unpacked ({reason})") from None


def _copy(source, out, member: zipfile.ZipInfo) -> None:  # type: ignore[no-untyped-def]
    left = member.file_size
    while chunk := source.read(CHUNK):
        left -= len(chunk)
        if left < 0:
            raise DataError(f"{_safe(member.filename)}: is larger than its entry says")
        out.write(chunk)


def _of_all(members: Sequence[zipfile.ZipInfo], size: int) -> Iterator[str]:
    """Faults of the archive as a whole; ``size`` is that of its file in bytes."""
    if len(members) > MOST_MEMBERS:
        yield f"{len(members)} members; at most {MOST_MEMBERS} are unpacked"
    total = sum(member.file_size for member in members)
    if total > LARGEST_BYTES:
        yield f"{total / 2**30:.0f} GiB inflated; at most {LARGEST_BYTES // 2**30} are unpacked"
    if sum(member.compress_size for member in members) > size:
        yield "members overlap: together they are larger than the archive"
    names = Counter(_key(member) for member in members)
    for name, count in names.items():
        if count > 1:
            yield f"{_safe(name)}: {count} members have this name"
    files = {_key(member) for member in members if not member.is_dir()}
    for name in files:
        if any(str(parent) in files for parent in PurePosixPath(name).parents):
            yield f"{_safe(name)}: lies below a member that is a file"


def _of_each(members: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    for member in members:
        if fault := fault_of(member):
            yield f"{_safe(member.filename)}: {fault}"


def fault_of(member: zipfile.ZipInfo) -> str:
    """Why a member is not unpacked; blank for one that may be."""
    name, mode = member.filename, member.external_attr >> 16
    if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
        return "has an absolute name"
    if ".." in PurePosixPath(name).parts:
        return "has a name that leads out of the folder"
    if not name or any(unicodedata.category(sign).startswith("C") for sign in member.orig_filename):
        return "has no name, or one with control characters"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.file_size > LARGEST_RATIO * max(member.compress_size, 1024):
        return f"grows more than {LARGEST_RATIO} times"
    return ""


def _key(member: zipfile.ZipInfo) -> str:
    """The name as a file system that ignores case and Unicode forms sees it."""
    return unicodedata.normalize("NFKC", member.filename).casefold().rstrip("/")


def _safe(name: str) -> str:
    return name.encode("unicode_escape").decode("ascii")[:120]
