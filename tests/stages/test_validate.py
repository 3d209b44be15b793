import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from great_expectations.data_context import FileDataContext

from pneumo.base.errors import DataError
from pneumo.dataset.dataset import CLASS_INFO, HEADERS, IMAGES, LABELS, PATIENTS, open_dataset
from pneumo.stages.validate import validate
from pneumo.validation import columns
from pneumo.validation._rules import suites
from pneumo.validation.columns import WHERE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def known_headers():
    return {}


@pytest.fixture(autouse=True)
def _headers_once(known_headers, monkeypatch):
    """The same files are read once: linked radiographs keep name and inode."""
    read = columns._read_headers

    def remembered(files):
        key = tuple((path.name, path.stat().st_ino) for path in files)
        if key not in known_headers:
            known_headers[key] = read(files)
        return known_headers[key].copy()

    monkeypatch.setattr(columns, "_read_headers", remembered)


@pytest.fixture
def _no_pages(monkeypatch):
    """Data Docs stay unwritten; ``test_good_data_pass_and_data_docs_are_built`` looks at them."""

    def unwritten(context):
        (Path(context.root_directory) / "uncommitted/data_docs/local_site").mkdir(parents=True)

    monkeypatch.setattr(FileDataContext, "build_data_docs", unwritten)


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


def first(table):
    return table.index[0]


def add(row):
    return lambda table: pd.concat([table, pd.DataFrame([row])])


def respell(table):
    """The first image once more, its ID in capitals behind a blank."""
    row = table.iloc[[0]]
    return pd.concat([table, row.assign(patientId=" " + row["patientId"].str.upper())])


def negative_twice(table):
    return pd.concat([table, table[table["Target"] == 0].head(1)])


def contradict(table):
    row = table[table["Target"] == 1].head(1)
    return pd.concat([table, row.assign(Target=0, x=None, y=None, width=None, height=None)])


def two_classes(table):
    """The first image of class Normal is of another one too."""
    row = table[table["class"] == "Normal"].head(1)
    return pd.concat([table, row.assign(**{"class": "No Lung Opacity / Not Normal"})])


def shares(edit):
    """Boxes as shares of a picture of 1024 px; ``edit`` gets ``x, y, width, height`` of each."""

    def change_boxes(table):
        rows = table["Target"] == 1
        table[SIDES] = table[SIDES].astype(float)
        table.loc[rows, SIDES] = edit(table.loc[rows, SIDES] / 1024)
        return table

    return change_boxes


def centred(boxes):
    return boxes.assign(x=boxes["x"] + boxes["width"] / 2, y=boxes["y"] + boxes["height"] / 2)


def corners(boxes):
    return boxes.assign(width=boxes["x"] + boxes["width"], height=boxes["y"] + boxes["height"])


def some(boxes):
    """Every third box in shares, the others in pixels."""
    return boxes.mul(np.where(np.arange(len(boxes)) % 3, 1024, 1), axis=0)


SIDES = ["x", "y", "width", "height"]
RELATIVE = r"under 1 px: relative coordinates \(YOLO\)\?"
FAULTS = [
    (LABELS, shares(lambda boxes: boxes), f"labels.all_in_pixels: all boxes are {RELATIVE}"),
    (LABELS, shares(centred), f"labels.all_in_pixels: all boxes are {RELATIVE}"),
    (LABELS, shares(corners), f"labels.all_in_pixels: all boxes are {RELATIVE}"),
    (LABELS, shares(lambda boxes: boxes * 0 + 1), "labels.all_in_pixels"),  # whole pictures
    (LABELS, shares(some), f"labels.in_pixels: the box is {RELATIVE}"),
    (LABELS, shares(lambda boxes: boxes * 100), "labels.no_percent: all boxes lie within 100 px"),
    (PATIENTS, lambda t: t.assign(person="None"), "images.somebody: no image names a person"),
    (LABELS, put("Target", 2), "labels.Target: Target must be 0 or 1: 1 row "),
    (LABELS, put("Target", None), "labels.Target: Target is blank"),
    (LABELS, put("x", -5.0), "labels.x: the box starts outside"),
    (LABELS, put("width", 0.0), "labels.width: the box has no area"),
    (LABELS, put("height", -3.0), "labels.height: the box has no area"),
    (LABELS, put("height", None), "labels.height: Target is 1, but the box has a blank"),
    (LABELS, put("x", 1000.0), "labels.inside"),
    (LABELS, put("width", float("inf")), "labels.inside"),
    (LABELS, put("Target", 0), "labels.blank_if_negative"),
    (LABELS, lambda t: pd.concat([t, t[t["Target"] == 1].head(1)]), "labels.patientId, x"),
    (LABELS, negative_twice, "labels.one_row_if_negative: .*: 1 row "),
    (LABELS, negative_twice, "labels.patientId, x.*more than once: 2 rows"),
    (LABELS, contradict, "labels.one_target"),
    (LABELS, respell, "labels.one_spelling"),
    (LABELS, put("patientId", None, first), "labels.patientId: the image has no ID"),
    (LABELS, add({"patientId": "../../etc/x", "Target": 0}), "labels.safe_id: .*: 1 row "),
    (LABELS, add({"patientId": "n", "Target": 0}), "images.has_file"),
    (CLASS_INFO, put("class", "Pneumonia", first), "classes.class: the class is unknown"),
    (CLASS_INFO, lambda t: t[t["patientId"] != t["patientId"].iloc[0]], "images.class"),
    (CLASS_INFO, put("class", "Normal", lambda t: t["class"] == "Lung Opacity"), "class_agrees"),
    (CLASS_INFO, two_classes, "classes.one_class"),
    (CLASS_INFO, add({"patientId": "n", "class": "Normal"}), "classes.labelled"),
    (PATIENTS, lambda t: t.iloc[1:], "images.person_listed"),
    (PATIENTS, respell, "people.listed_once"),
    (PATIENTS, lambda t: put("person", f" {t['person'][0]}", lambda t: t.index[1])(
        put("person", t["person"][0], lambda t: t.index[2])(t)), "people.one_spelling"),
]  # fmt: skip


@pytest.mark.usefixtures("_no_pages")
@pytest.mark.parametrize(("table", "edit", "where"), FAULTS)
def test_a_critical_fault_stops_with_the_rule_and_its_rows(
    table, edit, where, broken_root, tmp_path, data_settings
):
    change(broken_root / table, edit)
    with pytest.raises(DataError, match=f"critical: .*{where}"):
        run(broken_root, tmp_path, data_settings)
    facts = json.loads((tmp_path / "validation.json").read_text())["expectations"]
    assert all(len(fact["rows"]) == min(5, fact["unexpected"] or 0) for fact in facts)


def test_many_faults_are_told_at_once_with_the_lines_where_they_stand(
    broken_root, tmp_path, data_settings
):
    path = broken_root / LABELS
    lines = path.read_text().splitlines()
    for number in (3, 5, 6, 9, 12, 20):  # as an editor counts them
        lines[number - 1] = lines[number - 1].rpartition(",")[0] + ",7"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        run(broken_root, tmp_path, data_settings)
    message = str(caught.value).splitlines()
    assert message[0].endswith("critical failures")
    assert (
        "  critical: labels.Target: Target must be 0 or 1: 6 rows (line 3, 5, 6, 9, 12, ...)"
        in message
    )


def ends_with_dcm(table):
    return table.assign(patientId=table["patientId"] + ".dcm")


def capitals(table):
    return table.assign(patientId=" " + table["patientId"].str.upper())


def two_numbers(table):
    table["person"] = table["person"].astype(object)
    table.loc[table.index[:3], "person"] = ["007", "7", "7.0"]
    return table


def mostly_nobody(table):
    return table.assign(person=["None", "nan"] * 8 + table["person"].tolist()[16:])


WARNINGS = [
    (PATIENTS, mostly_nobody,
     r"images.person_known: 16 images name no person \(None, nan\); they stay unused: 16 rows"),
    (PATIENTS, two_numbers, "people.one_number: .*read as one: 3 rows"),
    (PATIENTS, lambda t: t.assign(person=["TEST"] * 16 + t["person"].tolist()[16:]),
     "images.few_of_person: one person has very many images.*: 16 rows"),
    (PATIENTS, ends_with_dcm, "people.no_ending: IDs carry .dcm, the names of files do not"),
    (LABELS, ends_with_dcm, "labels.no_ending: IDs carry .dcm, the names of files do not"),
    (CLASS_INFO, capitals, "classes.as_named: the ID is written otherwise than its file"),
    (PATIENTS, put("person", None, first), "images.person_known: .*: 1 row "),
    (PATIENTS, add({"patientId": "n", "person": "n"}), "people.labelled"),
    (CLASS_INFO, lambda t: pd.concat([t, t.tail(1), t.tail(1)]), "classes.rows_as_labels"),
]  # fmt: skip


@pytest.mark.usefixtures("_no_pages")
@pytest.mark.parametrize(("table", "edit", "where"), WARNINGS)
def test_a_lesser_fault_is_a_warning(
    table, edit, where, broken_root, tmp_path, data_settings, capsys
):
    change(broken_root / table, edit)
    run(broken_root, tmp_path, data_settings)
    assert re.search(f"warning: {where}", capsys.readouterr().out)


def only_negative(root):
    change(root / LABELS, lambda t: t[t["Target"] == 0])
    kept = set(pd.read_csv(root / LABELS)["patientId"])
    change(root / CLASS_INFO, lambda t: t[t["patientId"].isin(kept)])


def only_positive(root):
    change(root / LABELS, lambda t: t[t["Target"] == 1])
    kept = set(pd.read_csv(root / LABELS)["patientId"])
    change(root / CLASS_INFO, lambda t: t[t["patientId"].isin(kept)])


@pytest.mark.parametrize(
    ("keep", "says"),
    [(only_negative, "no image is positive"), (only_positive, "no image is negative")],
)
def test_images_of_one_kind_alone_are_critical_and_an_odd_share_is_a_warning(
    keep, says, broken_root, tmp_path, data_settings, capsys
):
    keep(broken_root)
    with pytest.raises(DataError, match=f"critical: images.target: {says}"):
        run(broken_root, tmp_path, data_settings)
    said = capsys.readouterr().out
    assert "warning: images.target: the share of images is not between 2% and 80%" in said
    assert "warning: images.is Lung Opacity" in said


def test_every_expectation_has_words_and_no_two_of_a_table_are_alike():
    images = pd.DataFrame({"person_known": [True], "person_written": ["p"]})
    names = ["labels", "classes", "headers", "people", "splits", "reserved"]
    found = suites(dict.fromkeys(names, images) | {"images": images})
    assert set(found) == set(WHERE)
    for items in found.values():
        rules = [(item.column_list if hasattr(item, "column_list") else
                  getattr(item, "column", "rows"), item.notes) for item in items]  # fmt: skip
        assert all(isinstance(says, str) and len(says.split()) > 2 for _, says in rules)
        assert not any(says.startswith("expect_") or "_" in says for _, says in rules)
        assert len({str(rule) for rule in rules}) == len(rules)


def test_a_radiograph_whose_ending_is_in_capitals_is_found_and_one_of_two_is_not(
    broken_root, tmp_path, data_settings
):
    first, second = sorted((broken_root / IMAGES).iterdir())[:2]
    first.rename(first.with_suffix(".DCM"))
    dataset = open_dataset(broken_root)
    assert dataset.paths([first.stem, second.stem]) == [first.with_suffix(".DCM"), second]
    second.with_suffix(".DCM").write_bytes(second.read_bytes())
    with pytest.raises(DataError, match=r"critical: headers\.one_file: several radiographs"):
        run(broken_root, tmp_path, data_settings)


def test_tables_that_spell_ids_and_people_otherwise_give_the_same_images(broken_root):
    expected = open_dataset(broken_root).images()
    change(broken_root / LABELS, ends_with_dcm)
    change(broken_root / CLASS_INFO, capitals)
    change(broken_root / PATIENTS, ends_with_dcm)
    pd.testing.assert_frame_equal(open_dataset(broken_root).images(), expected)
    assert open_dataset(broken_root).boxes()["patientId"].isin(expected["patientId"]).all()


def test_a_reserved_list_is_read_as_the_tables_spell_it(broken_root):
    dataset = open_dataset(broken_root)
    names = sorted(dataset.labels["patientId"].unique())[:2]
    (broken_root / "kept.csv").write_text("".join(f"{n},{name.upper()}.dcm\n" for n, name in
                                                  enumerate(names)))  # fmt: skip
    assert dataset.reserved("kept.csv") == [name.lower() for name in names]
    assert dataset.reserved(None) == []


def headers_table(root):
    """RSNA's own table in place of the radiographs."""
    names = sorted(path.name for path in (root / IMAGES).iterdir())
    table = pd.DataFrame(
        {"Filename": names, "Modality": "CR", "PatientAge": 40, "PatientSex": "F",
         "ViewPosition": "AP"}
    )  # fmt: skip
    (root / IMAGES).rename(root.parent / "away")
    return table


def test_ages_sexes_and_views_are_checked_also_without_radiographs(
    broken_root, tmp_path, data_settings, capsys
):
    table = headers_table(broken_root)
    table.loc[0, "PatientAge"], table.loc[1, "PatientSex"] = 148, "X"
    table.loc[2, "ViewPosition"], table.loc[3, "ViewPosition"] = "LL", None
    table.to_csv(broken_root / HEADERS, index=False)
    result = run(broken_root, tmp_path, data_settings)
    assert result["radiographs"] == 0
    said = capsys.readouterr().out
    for line in ["age: an age is over 120: 1 row (file by name, or line 2)", "Sex is unknown",
                 "ViewPosition is unknown: 1 row", "ViewPosition is missing: 1 row"]:  # fmt: skip
        assert line in said


def test_neither_radiographs_nor_their_headers_are_a_fault(broken_root, tmp_path, data_settings):
    headers_table(broken_root)
    with pytest.raises(DataError, match=r"holds no \.dcm file"):
        run(broken_root, tmp_path, data_settings)


INDEX = "patientId,person,split\na,p,train\nb,q,validation\nc,r,test\n"


@pytest.mark.usefixtures("_no_pages")
@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("d,p,validation", "splits.one_split_a_person: .*: 2 rows .row 1, 4"),
        ("d, P,validation", "splits.one_split_a_person"),
        ("d,7,train\ne,007.0,validation", "splits.one_split_a_person: .*: 2 rows .row 4, 5"),
        ("d,N/A,train", "splits.person: the person is unknown"),
        ("A ,s,validation", "splits.one_split_an_image: .*: 2 rows"),
        ("A ,p,train", "splits.listed_once"),
        ("d,s,trian", "splits.split: the split is unknown"),
        ("d,,train", "splits.person: the person is unknown"),
    ],
)
def test_a_division_in_which_a_person_or_an_id_is_twice_is_refused(
    more, where, demo_root, tmp_path, data_settings
):
    index = tmp_path / "index.csv"
    index.write_text(INDEX + more + "\n")
    data = data_settings.model_copy(update={"root": str(demo_root)})
    with pytest.raises(DataError, match=f"critical: {where}"):
        validate(tmp_path / "v.json", tmp_path / "docs", data=data, index=index)


def test_the_prepared_division_passes_and_unknown_reserved_ids_are_a_warning(
    broken_root, prepared_folder, tmp_path, data_settings, capsys
):
    name = next((broken_root / IMAGES).iterdir()).stem
    (broken_root / "kept.csv").write_text(f"{name.upper()}\nnobody\n")
    data = data_settings.model_copy(update={"root": str(broken_root), "reserved_test": "kept.csv"})
    index = prepared_folder / "index.parquet"
    validate(tmp_path / "v.json", tmp_path / "docs", data=data, index=index)
    assert "warning: reserved.known: a reserved ID is not in the labels: 1 row" in (
        capsys.readouterr().out
    )


def test_all_tables_that_cannot_be_read_are_named_at_once(broken_root, tmp_path, data_settings):
    (broken_root / LABELS).write_text("")
    change(broken_root / CLASS_INFO, lambda t: t.assign(more=1))
    with pytest.raises(DataError, match=r"is empty\n.*column more does not belong there"):
        run(broken_root, tmp_path, data_settings)


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
