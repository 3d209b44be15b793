import pytest

from pneumo.base.files import sha256_of, whole, write_json, write_text


def stop_halfway(path):
    with whole(path) as aside:
        aside.write_text("half")
        raise InterruptedError


def test_a_file_appears_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "deep" / "file"
    write_text(path, "old")
    with pytest.raises(InterruptedError):
        stop_halfway(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_replaces_the_one_before(tmp_path):
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with whole(path) as aside:
            aside.mkdir()
            (aside / name).touch()
    assert [file.name for file in path.iterdir()] == ["second"]


def test_a_secret_is_readable_by_its_owner_only(tmp_path):
    write_text(tmp_path / "secret", "x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_the_sum_of_a_value_ignores_the_order_of_keys():
    assert sha256_of({"a": 1, "b": 2}) == sha256_of({"b": 2, "a": 1}) != sha256_of({"a": 2})


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"map": float("nan")})
    assert not list(tmp_path.iterdir())
