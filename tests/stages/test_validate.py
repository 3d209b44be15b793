import json

import pandas as pd
import pytest

from pneumo.dataset import CLASS_INFO, IMAGES, LABELS, PATIENTS
from pneumo.errors import DataError
from pneumo.stages.validate import validate


def run(root, tmp_path, data_settings):
    data = data_settings.model_copy(update={"root": str(root)})
    validate(tmp_path / "validation.json", tmp_path / "docs", data=data)
    return json.loads((tmp_path / "validation.json").read_text())


def change(path, edit):
    table = pd.read_csv(path, dtype={"person": str})
    edit(table).to_csv(path, index=False)


def first_box(labels):
    return labels.index[labels["Target"] == 1][0]


def put(column, value, row=first_box):
    def edit(table):
        table.loc[row(table), column] = value
        return table

    return edit


def test_good_data_pass_and_data_docs_are_built(demo_root, tmp_path, data_settings):
    result = run(demo_root, tmp_path, data_settings)
    assert all(fact["held"] for fact in result["expectations"])
    assert len(result["expectations"]) > 25
    assert "<html" in (tmp_path / "docs" / "index.html").read_text()


FAULTS = [
    (LABELS, put("Target", 2), "labels.Target"),
    (LABELS, put("x", -5.0), "labels.x"),
    (LABELS, put("width", 0.0), "labels.width"),
    (LABELS, put("height", None), "labels.height"),
    (LABELS, put("x", 1000.0), "labels.inside"),
    (LABELS, put("Target", 0), "labels.blank_if_negative"),
    (LABELS, lambda t: pd.concat([t, t[t["Target"] == 1].head(1)]), "labels.patientId, x"),
    (LABELS, lambda t: pd.concat([t, pd.DataFrame({"patientId": ["n"], "Target": [0]})]), "file"),
    (CLASS_INFO, put("class", "Pneumonia", lambda t: t.index[0]), "images.class"),
    (CLASS_INFO, lambda t: t[t["patientId"] != t["patientId"].iloc[0]], "images.class"),
    (CLASS_INFO, put("class", "Normal", lambda t: t["class"] == "Lung Opacity"), "class_agrees"),
    (PATIENTS, lambda t: t.iloc[1:], "images.person_known"),
]


@pytest.mark.parametrize(("table", "edit", "where"), FAULTS)
def test_a_critical_fault_stops_with_the_rule_and_its_count(
    table, edit, where, broken_root, tmp_path, data_settings
):
    change(broken_root / table, edit)
    with pytest.raises(DataError, match=f"critical.*{where}"):
        run(broken_root, tmp_path, data_settings)
    assert (tmp_path / "validation.json").exists()


def test_a_radiograph_without_labels_is_a_warning(broken_root, tmp_path, data_settings, capsys):
    file = next((broken_root / IMAGES).iterdir())
    (file.parent / "more.dcm").write_bytes(file.read_bytes())
    result = run(broken_root, tmp_path, data_settings)
    assert [f["column"] for f in result["expectations"] if not f["held"]] == ["labelled"]
    assert "warning: headers.labelled" in capsys.readouterr().out


def test_missing_people_are_said_aloud(broken_root, tmp_path, data_settings, capsys):
    (broken_root / PATIENTS).unlink()
    assert run(broken_root, tmp_path, data_settings)["people_known"] is False
    assert "patients.csv is missing" in capsys.readouterr().out


def test_results_and_data_docs_hold_no_value_of_a_patient(broken_root, tmp_path, data_settings):
    change(broken_root / CLASS_INFO, put("class", "CANARY", lambda t: t.index[0]))
    with pytest.raises(DataError) as caught:
        run(broken_root, tmp_path, data_settings)
    written = [*tmp_path.glob("docs/**/*.html"), tmp_path / "validation.json"]
    assert len(written) > 5
    known = [path.stem for path in (broken_root / IMAGES).iterdir()]
    for text in [str(caught.value), *(path.read_text() for path in written)]:
        assert not any(secret in text for secret in ["CANARY", *known])


@pytest.mark.parametrize("name", [LABELS, CLASS_INFO, IMAGES])
def test_a_missing_part_is_named(name, broken_root, tmp_path, data_settings):
    (broken_root / name).rename(tmp_path / "away")
    with pytest.raises(DataError, match=name):
        run(broken_root, tmp_path, data_settings)


def test_a_missing_column_is_named_with_what_is_there(broken_root, tmp_path, data_settings):
    change(broken_root / LABELS, lambda table: table.drop(columns="Target"))
    with pytest.raises(DataError, match=r"column Target is missing \(found patientId, x"):
        run(broken_root, tmp_path, data_settings)
