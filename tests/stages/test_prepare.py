import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from pneumo.base.errors import DataError
from pneumo.base.files import sha256
from pneumo.dataset.dataset import IMAGES, LABELS
from pneumo.dicom import fit, read_radiograph, read_square
from pneumo.prepared.format import COLUMNS, SPLITS, load_prepared
from pneumo.prepared.splits import leaked_people
from pneumo.stages.prepare import prepare
from tests.dicom.files import dataset, write


def test_no_person_is_in_two_splits_and_the_counts_are_as_set(data):
    assert leaked_people(data.index) == data.profile["leaked_people"] == 0
    assert data.index["split"].value_counts().to_dict() == {
        "train": 16, "validation": 10, "test": 10
    }  # fmt: skip


def test_rows_are_sorted_by_split_then_id(data):
    assert tuple(data.index.columns) == COLUMNS
    order = [
        (SPLITS.index(split), name) for split, name in data.index[["split", "patientId"]].values
    ]
    assert order == sorted(order)


def test_pixels_are_those_that_scoring_reads(data, demo_root):
    for row in (0, 20, 35):
        path = demo_root / IMAGES / f"{data.index['patientId'].iloc[row]}.dcm"
        assert (data.images[row] == read_square(path, 32).pixels).all()
        full = fit(read_radiograph(path).pixels, 32)
        assert np.abs(data.images[row] - full.astype(float)).max() <= 2


def test_masks_cover_the_true_boxes(data):
    rows = np.arange(len(data.index))
    truth, frames = data.truth(rows), data.frames(rows)
    for row, (boxes, frame) in enumerate(zip(truth.values(), frames, strict=True)):
        area = sum(box.area for box in boxes) / frame.scale**2
        assert data.masks[row].sum() == pytest.approx(area, abs=0.35 * area + 2)
        assert bool(boxes) == bool(data.index["target"].iloc[row])


def test_the_same_data_give_the_same_bytes(prepared_folder, data_settings, tmp_path):
    prepare(tmp_path / "again", data=data_settings)
    files = sorted(path.name for path in prepared_folder.iterdir())
    assert [sha256(tmp_path / "again" / name) for name in files] == [
        sha256(prepared_folder / name) for name in files
    ]


def test_an_unreadable_radiograph_is_rejected_with_its_reason(broken_root, tmp_path, data_settings):
    broken = sorted((broken_root / IMAGES).iterdir())[0]
    broken.unlink()
    broken.write_bytes(b"torn")
    prepare(tmp_path / "out", data=data_settings.model_copy(update={"root": str(broken_root)}))
    rejected = pd.read_csv(tmp_path / "out" / "rejected.csv")
    assert rejected.values.tolist() == [[broken.stem, "not_dicom"]]
    assert len(load_prepared(tmp_path / "out").index) == 35


def test_a_lateral_view_is_rejected_or_read_with_a_note_where_headers_are_wrong(
    broken_root, tmp_path, data_settings
):
    path = sorted((broken_root / IMAGES).iterdir())[0]
    header = dcmread(path)
    header.ViewPosition = "LL"
    path.unlink()
    header.save_as(path)
    settings = data_settings.model_copy(update={"root": str(broken_root)})
    prepare(tmp_path / "strict", data=settings)
    rejected = pd.read_csv(tmp_path / "strict" / "rejected.csv")
    assert rejected.values.tolist() == [[path.stem, "wrong_view"]]
    prepare(tmp_path / "any", data=settings.model_copy(update={"frontal_only": False}))
    assert pd.read_csv(tmp_path / "any" / "rejected.csv").empty
    index = load_prepared(tmp_path / "any").index.set_index("patientId")
    assert index["notes"][index["notes"] != ""].to_dict() == {path.stem: "wrong_view"}


def test_oblong_radiographs_are_prepared_as_the_square_ones_that_they_show(
    broken_root, tmp_path, data, data_settings
):
    """Every second column is left out, so pixels are twice as wide, and boxes half as many wide."""
    for path in (broken_root / IMAGES).iterdir():
        stored = read_radiograph(path).pixels
        stored = stored.reshape(len(stored), -1, 2).mean(axis=2).round().astype(int)
        path.unlink()
        write(path, dataset(stored, bits=8, allocated=8, PixelSpacing=[0.14, 0.28]))
    labels = pd.read_csv(broken_root / LABELS)
    labels[["x", "width"]] /= 2
    labels.to_csv(broken_root / LABELS, index=False)
    prepare(tmp_path / "out", data=data_settings.model_copy(update={"root": str(broken_root)}))
    oblong = load_prepared(tmp_path / "out")
    place = {name: row for row, name in enumerate(oblong.names(np.arange(36)))}
    for row, name in enumerate(data.names(np.arange(36))):
        assert (oblong.masks[place[name]] == data.masks[row]).all()
        difference = oblong.images[place[name]].astype(int) - data.images[row]
        assert np.abs(difference).max() <= 2
    frame = oblong.frames(np.array([0]))[0]
    assert (frame.rows, frame.columns, frame.pixel_aspect) == (1024, 512, 0.5)
    assert (oblong.index["column_spacing_mm"] == 0.28).all()


def test_too_many_unreadable_radiographs_stop_the_run(broken_root, tmp_path, data_settings):
    for path in sorted((broken_root / IMAGES).iterdir())[:6]:
        path.unlink()
    with pytest.raises(DataError, match="6 of 36 radiographs cannot be read"):
        prepare(tmp_path / "out", data=data_settings.model_copy(update={"root": str(broken_root)}))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_no_prepared_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="run `pneumo prepare`"):
        load_prepared(tmp_path)
