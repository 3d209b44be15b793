import fcntl
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pneumo import findings
from pneumo.base.errors import DataError, PneumoError
from pneumo.dataset.rsna import read_submission
from pneumo.detection.boxes import Frame
from pneumo.detection.ensemble import CELLS, image_level
from pneumo.dicom import read_square
from pneumo.engines.choose import open_engine
from pneumo.engines.package import Package
from pneumo.intake.profile import PROFILE
from pneumo.scoring.score import score
from tests.intake.radiographs import fitted
from tests.packages import sum_up

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.usefixtures("cache"), pytest.mark.slow]


@pytest.fixture(scope="module")
def predictions(undisturbed) -> pd.DataFrame:
    return pd.read_parquet(undisturbed / "predictions.parquet")


def test_every_file_has_one_row_and_the_counts_add_up(undisturbed, predictions, inbox):
    summary = json.loads((undisturbed / "summary.json").read_text())
    assert (summary["scored"], summary["rejected"]) == (inbox.good, inbox.bad)
    assert summary["files"] == inbox.good + inbox.bad == len(predictions)
    assert predictions["file"].is_unique
    assert (predictions["status"] == "scored").sum() == inbox.good
    assert 5 < summary["positive"] < inbox.good - 5


def test_what_is_not_read_is_rejected_with_its_reason(undisturbed, inbox):
    rejected = pd.read_csv(undisturbed / "rejected.csv")
    names = rejected["file"].str.removeprefix(f"{inbox.folder}/")
    assert dict(zip(names, rejected["reason"], strict=True)) == {
        "broken.zip": "bad_archive",
        "empty.dcm": "empty_file",
        "outside.dcm": "link_outside",
        "study.zip/../../escaped.dcm": "bad_member",
        "study.zip/notes.txt": "not_dicom",
        "torn.dcm": rejected["reason"].iloc[-1],
    }
    assert not rejected["message"].str.contains(str(inbox.folder), regex=False).any()


def test_a_row_holds_what_the_networks_give_for_the_radiograph(predictions, balanced_package):
    package = Package(balanced_package)
    engine = open_engine(package, "tensorflow")
    for row in predictions[predictions["status"] == "scored"].iloc[:3].itertuples():
        square = read_square(Path(row.file), 32)
        size = square.rows, square.columns
        assert (row.rows, row.columns, row.view) == (*size, square.facts.view)
        (probability,), (apart,) = engine.answers(square.pixels[None])
        assert row.probability == pytest.approx(float(image_level(probability, CELLS)), abs=1e-5)
        assert row.disagreement == pytest.approx(apart, abs=1e-5)
        boxes = package.ensemble.boxes(probability, Frame(*size, 32))
        assert len(json.loads(row.boxes)) == len(boxes)


def test_boxes_in_millimetres_are_those_in_pixels_times_the_spacing(predictions):
    rows = predictions[(predictions["boxes"].str.len() > 2) & predictions["row_spacing_mm"].notna()]
    assert len(rows) > 5
    for row in rows.itertuples():
        for pixels, mm in zip(json.loads(row.boxes), json.loads(row.boxes_mm), strict=True):
            assert mm["width"] == pytest.approx(pixels["width"] * row.column_spacing_mm, abs=0.01)


def test_a_picture_without_spacing_has_no_millimetres(predictions):
    (row,) = predictions[predictions["file"].str.endswith("/grey.jpg")].itertuples()
    assert pd.isna(row.boxes_mm)
    assert row.instance_uid == ""


def test_copies_are_counted_and_get_the_row_of_the_first(predictions, undisturbed):
    copies = predictions[predictions["duplicate_of"] != ""]
    assert len(copies) == 5  # two copies, another's content, and two members of the archive
    known = predictions.set_index("file")
    for row in copies.itertuples():
        assert row.probability == known.loc[row.duplicate_of, "probability"]
    summary = json.loads((undisturbed / "summary.json").read_text())
    assert summary["duplicate_files"] == 5
    assert summary["duplicate_uids"] == 4  # one of the copies is a PNG


def test_another_radiograph_of_a_known_name_has_a_line_of_its_own(undisturbed, predictions):
    found = read_submission(undisturbed / "submission.csv")
    twice = [name for name in found if name.endswith("~2")]
    assert len(twice) == 2  # and grey.jpg beside grey.png
    scored = predictions.loc[predictions["status"] == "scored", "image_id"]
    assert set(found) == set(scored.str.removeprefix("'"))  # a cell's guard, see below


def test_no_cell_is_a_formula_but_the_submission_keeps_the_ids(undisturbed):
    assert '=cmd("x")' in read_submission(undisturbed / "submission.csv")
    for name in ("predictions.csv", "rejected.csv"):
        table = pd.read_csv(undisturbed / name, dtype=str, keep_default_na=False)
        for column in table.columns:
            assert not table[column].str.startswith(("=", "+", "-", "@")).any(), (name, column)
    assert "'=cmd(" in (undisturbed / "predictions.csv").read_text()


def test_csv_and_parquet_hold_the_same_rows(undisturbed, predictions):
    table = pd.read_csv(undisturbed / "predictions.csv")
    assert table["content"].fillna("").tolist() == predictions["content"].tolist()
    assert table["probability"].dropna().to_numpy() == pytest.approx(
        predictions["probability"].dropna().to_numpy()
    )


def test_every_scored_content_has_its_objects_with_the_time_of_its_scoring(
    undisturbed, predictions, inbox, tmp_path
):
    """From the inbox to objects that are read back; a picture without a study has none."""
    times = pd.read_csv(undisturbed / "times.csv")
    scored = predictions[predictions["status"] == "scored"]
    assert set(times["content"]) == set(scored["content"])
    assert len(times) == scored["content"].nunique()
    found = findings.write(undisturbed, tmp_path / "objects", secondary="none")
    pictures = scored[scored["instance_uid"].fillna("") == ""]["content"].nunique()
    assert (found["sr"], found["gsps"]) == (len(times) - pictures, len(times) - pictures)
    assert found["reasons"] == {"no_uid": pictures}
    index = pd.read_csv(tmp_path / "objects/objects.csv")
    assert set(index["scored_at"]) <= set(times["scored_at"])
    checked = findings.check(tmp_path / "objects", undisturbed, inbox.folder)
    assert checked.faults == []
    assert checked.kinds["sr"] == found["sr"]


def test_those_with_opacities_have_a_picture_that_shows_their_boxes(undisturbed, predictions):
    positive = predictions[(predictions["status"] == "scored") & (predictions["boxes"] != "[]")]
    drawn = {path.name for path in (undisturbed / "overlays").iterdir()}
    heats = {name.replace(".png", ".heat.png") for name in positive["overlay"]}
    assert drawn == set(positive["overlay"]) | heats
    for row in positive.itertuples():
        with Image.open(undisturbed / "overlays" / row.overlay) as picture:
            assert max(picture.size) == 512
            assert picture.mode == "RGB"
            colours = {colour: count for count, colour in picture.getcolors(512 * 512)}
            assert colours.pop((255, 220, 0)) > 50
            assert all(red == green == blue for red, green, blue in colours)


def test_a_second_run_scores_nothing_and_gives_the_same_bytes(
    undisturbed, inbox, balanced_package, score_settings, settings, monkeypatch
):
    before = {p.name: p.read_bytes() for p in undisturbed.iterdir() if p.is_file()}
    monkeypatch.setattr("pneumo.scoring.score.open_engine", lambda *a, **k: pytest.fail("scored"))
    again = {"score": score_settings, "review_share": settings.monitor.review_share}
    score([inbox.folder], undisturbed, str(balanced_package), **again)
    assert {p.name: p.read_bytes() for p in undisturbed.iterdir() if p.is_file()} == before


def test_anew_scores_again_what_is_finished(inbox, balanced_package, score_settings, tmp_path):
    file = sorted(inbox.folder.glob("*.dcm"))[3]

    def rows(**how) -> tuple[int, bytes]:
        score([file], tmp_path / "out", str(balanced_package), score=score_settings, **how)
        (path,) = (tmp_path / "out").glob("shards/*/*/rows.parquet")
        return path.stat().st_mtime_ns, (tmp_path / "out/submission.csv").read_bytes()

    first, kept, anew = rows(), rows(), rows(resume=False)
    assert first == kept
    assert anew[0] != first[0]
    assert anew[1] == first[1]


def test_anew_is_refused_while_another_run_is_on_its_way(
    inbox, balanced_package, score_settings, tmp_path
):
    file = sorted(inbox.folder.glob("*.dcm"))[3]
    (tmp_path / "out/.scoring").mkdir(parents=True)
    with (tmp_path / "out/.scoring/running").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with pytest.raises(DataError, match="another run scores files into it"):
            score([file], tmp_path / "out", str(balanced_package), score=score_settings,
                  resume=False)  # fmt: skip


def test_jax_finds_the_boxes_of_tensorflow(inbox, balanced_package, tmp_path):
    files = sorted(path for path in inbox.folder.glob("*.dcm") if path.stat().st_size > 9000)[:8]
    shutil.copy(ROOT / "recipes/demo.yaml", tmp_path / "params.yaml")
    tables = []
    for engine in ("tensorflow", "jax"):
        pneumo = Path(sys.executable).with_name("pneumo")
        command = [pneumo, "score", *files, engine, "--engine", engine, "--model", balanced_package]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        tables.append(pd.read_parquet(tmp_path / engine / "predictions.parquet"))
    one, other = tables
    assert (set(one["engine"]), set(other["engine"])) == ({"tensorflow"}, {"jax"})
    np.testing.assert_allclose(other["probability"], one["probability"], atol=1e-4)
    boxes = [[json.loads(text) for text in table["boxes"]] for table in tables]
    assert [len(found) for found in boxes[0]] == [len(found) for found in boxes[1]]
    assert sum(len(found) for found in boxes[0]) > 3
    for found, expected in zip(*(itertools.chain(*table) for table in boxes), strict=True):
        assert found == pytest.approx(expected, abs=0.5)


def test_the_size_of_batches_and_parts_changes_no_byte_of_the_submission(
    undisturbed, inbox, balanced_package, score_settings, tmp_path
):
    other = score_settings.model_copy(
        update={"task_images": 5, "batch_size": 3, "overlays": "none"}
    )
    score([inbox.folder], tmp_path / "out", str(balanced_package), score=other)
    submission = (tmp_path / "out/submission.csv").read_bytes()
    assert submission == (undisturbed / "submission.csv").read_bytes()
    assert list((tmp_path / "out/overlays").iterdir()) == []


def test_a_part_that_was_damaged_is_scored_again(
    inbox, balanced_package, score_settings, undisturbed, tmp_path
):
    out = tmp_path / "out"
    score([inbox.folder], out, str(balanced_package), score=score_settings)
    rows, _, _, picture, *_ = sorted(out.glob("shards/*/*/*.p*"), key=lambda p: p.suffix)[::-1]
    rows = next(out.glob("shards/*/*/rows.parquet"))
    rows.write_bytes(rows.read_bytes()[:-9])
    picture.write_bytes(b"")
    score([inbox.folder], out, str(balanced_package), score=score_settings)
    assert (out / "submission.csv").read_bytes() == (undisturbed / "submission.csv").read_bytes()
    assert all(path.stat().st_size for path in (out / "overlays").iterdir())


def test_mirrored_pictures_are_averaged_in(inbox, balanced_package, score_settings, tmp_path):
    flip = score_settings.model_copy(update={"flip": True, "overlays": "none"})
    file = sorted(inbox.folder.glob("*.dcm"))[3]
    score([file], tmp_path / "out", str(balanced_package), score=flip)
    (row,) = pq.read_table(tmp_path / "out/predictions.parquet").to_pylist()
    engine = open_engine(Package(balanced_package), "openvino")
    square = read_square(file, 32).pixels
    plain = engine.probabilities(square[None])
    mirrored = engine.probabilities(square[None, :, ::-1])
    expected = float(image_level((plain + mirrored[:, :, ::-1]) / 2, CELLS)[0])
    assert row["probability"] == pytest.approx(expected, abs=1e-6)
    assert abs(float(image_level(plain, CELLS)[0]) - expected) > 1e-6
    both = engine.answers(np.stack([square, square[:, ::-1]])).disagreement
    assert row["disagreement"] == pytest.approx(both.mean(), abs=1e-6)


def test_radiographs_on_which_the_networks_disagree_are_uncertain(
    inbox, balanced_package, predictions, score_settings, tmp_path
):
    found = predictions[predictions["view"] == "PA"].drop_duplicates("content").iloc[:9]
    limit = float(found["disagreement"].median())
    package = copytree(balanced_package, tmp_path / "package")
    (package / PROFILE).write_text(json.dumps(fitted(32, np.full(60, limit)).to_json()))
    sum_up(package)
    score([Path(file) for file in found["file"]], tmp_path / "out", str(package),
          score=score_settings)  # fmt: skip
    rows = pd.read_csv(tmp_path / "out/predictions.csv").sort_values("disagreement")
    assert rows["review"].str.contains("uncertain").tolist() == [False] * 5 + [True] * 4
    assert rows["review_reason"].iloc[-1].endswith("the networks disagree about it")
    assert "the networks disagree about it" in (tmp_path / "out/index.html").read_text()


def test_bfloat16_scores_only_where_its_agreement_was_measured(
    inbox, balanced_package, score_settings, tmp_path, capsys
):
    wanted = score_settings.model_copy(update={"precision": "bfloat16", "overlays": "none"})
    file = sorted(inbox.folder.glob("*.dcm"))[3]
    summary = score([file], tmp_path / "out", str(balanced_package), score=wanted)
    assert summary["precisions"] == {"openvino float32": 1}
    assert "scoring in float32" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_inputs_that_hold_nothing_are_a_users_mistake(
    tmp_path, balanced_package, score_settings, name
):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: (holds no file|there is no such)"):
        score([tmp_path / name], tmp_path / "out", str(balanced_package), score=score_settings)


def test_a_model_that_is_none_is_a_users_mistake(tmp_path, inbox, score_settings):
    with pytest.raises(PneumoError, match="is neither a registered ensemble"):
        score([inbox.folder], tmp_path / "out", str(tmp_path), score=score_settings)
