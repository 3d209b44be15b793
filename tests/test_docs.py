"""The pages on settings, commands and rooms say what the code says."""

from docs.make import ROOT, texts


def test_what_is_written_from_the_code_is_up_to_date():
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in texts().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs`"


def test_every_setting_and_every_command_is_there():
    pages = {path.name: text for path, text in texts().items()}
    for setting in ("data.root", "train.encoder_weights", "promotion.approval", "score.precision"):
        assert f"| `{setting}` | " in pages["settings.md"]
    for command in ("score", "registry rollback", "task stage", "check"):
        assert f"## pneumo {command}\n" in pages["commands.md"]


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170
