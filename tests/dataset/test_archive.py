"""Archives that must not be unpacked, and those that may."""

import io
import stat
import zipfile

import pytest

from pneumo.base.errors import DataError
from pneumo.dataset import archive
from pneumo.dataset.archive import open_archive, require_space, unpack


def zipped(path, *members, **options):
    """A zip of ``(name or ZipInfo, content)``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ([("../up.csv", "a")], "leads out"),
        ([("a/../../up.csv", "a")], "leads out"),
        ([("..\\up.csv", "a")], "leads out"),
        ([("..\\..\\up.csv", "a")], "leads out"),
        ([("a\\../..\\up.csv", "a")], "leads out"),
        ([("\\\\server\\share\\up.csv", "a")], "absolute"),
        ([("\\up.csv", "a")], "absolute"),
        ([("C:\\up.csv", "a")], "absolute"),
        ([("a/b.csv", "1"), ("a\\b.csv", "2")], "2 members have this name"),
        ([("a", "1"), ("a\\b.csv", "2")], "below a member that is a file"),
        ([("/etc/up.csv", "a")], "absolute"),
        ([("C:up.csv", "a")], "absolute"),
        ([("a\nb.csv", "a")], "control characters"),
        ([("a\u202eb.csv", "a")], "control characters"),
        ([(entry("l.csv", stat.S_IFLNK | 0o777), "/etc/passwd")], "link"),
        ([(entry("p.csv", stat.S_IFIFO | 0o666), "")], "link or a device"),
        ([("bomb.csv", b"\0" * 5_000_000)], "grows more than 200 times"),
        ([("a.csv", "1"), ("A.CSV", "2")], "2 members have this name"),
        ([("a", "1"), ("a/b.csv", "2")], "below a member that is a file"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused_before_anything_is_written(
    members, complaint, tmp_path
):
    path = zipped(tmp_path / "a.zip", ("good.csv", "a"), *members)
    with pytest.raises(DataError, match=complaint):
        open_archive(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="2 members have this name"):
        open_archive(zipped(tmp_path / "a.zip", ("a.csv", "1"), ("a.csv", "2")))


def test_the_total_and_the_number_of_members_are_limited(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", ("a.csv", "12"), ("b.csv", "34"))
    monkeypatch.setattr(archive, "MOST_MEMBERS", 1)
    monkeypatch.setattr(archive, "LARGEST_BYTES", 3)
    with pytest.raises(DataError, match=r"(?s)2 members; at most 1 .*inflated"):
        open_archive(path)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """The bomb that needs no great ratio: many entries, one content (Fifield, WOOT 2019)."""
    path = zipped(tmp_path / "a.zip", *((f"{n}.csv", bytes(range(256)) * 8) for n in "abc"))
    with zipfile.ZipFile(path) as file:
        first = file.infolist()[0]
        content = path.read_bytes()[: file.start_dir]
        sizes = file.infolist()
    start = content.index(b"PK\x03\x04", 4)
    with zipfile.ZipFile(path, "w") as file:
        file.fp.write(content[:start])
        for info in sizes:
            info.header_offset = first.header_offset
        file.filelist, file.start_dir, file._didModify = sizes, start, True
    with pytest.raises(DataError, match="overlap"):
        open_archive(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04torn", b"no zip"])
def test_what_is_no_zip_is_refused(content, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is no zip archive"):
        open_archive(path)


def test_a_member_whose_bytes_are_damaged_is_named(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.csv", "0123456789")
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780"))
    with open_archive(path) as file, pytest.raises(DataError, match=r"a\.csv: cannot be unpacked"):
        unpack(file, file.infolist(), tmp_path / "out")


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path):
    info = zipfile.ZipInfo("a.csv")
    info.file_size = 3
    with pytest.raises(DataError, match="larger than its entry"):
        archive._copy(io.BytesIO(b"0123456789"), io.BytesIO(), info)


def test_too_little_room_is_said_before_the_work(tmp_path):
    with pytest.raises(DataError, match=r"GiB are needed, .* GiB are free"):
        require_space(tmp_path / "not/yet/there", 2**60)
    require_space(tmp_path, 0)


def test_a_backslash_separates_folders(tmp_path):
    path = zipped(tmp_path / "a.zip", ("a\\", ""), ("a\\b\\c.csv", "1"), ("d.csv", "2"))
    with open_archive(path) as file:
        unpack(file, [m for m in file.infolist() if not m.is_dir()], tmp_path / "out")
    assert (tmp_path / "out/a/b/c.csv").read_text() == "1"
    assert (tmp_path / "out/d.csv").read_text() == "2"
