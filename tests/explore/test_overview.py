"""The splits as a person sees them, on the demo's data and on RSNA's whole tables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pneumo.base.settings import load_settings
from pneumo.dataset.dataset import HEADERS, MAPPING, open_tables, read_ids
from pneumo.explore.overview import overview, splits_of
from pneumo.prepared.format import load_prepared

ROOT = Path(__file__).parents[2]
TABLES = Path(os.environ.get("PNEUMO_SHARED", ROOT.parent / "shared")) / "data/rsna-labels"
RESERVED = "test_patients_id_stage_1.csv"

whole_tables = pytest.mark.skipif(
    not (TABLES / HEADERS).exists(), reason="RSNA's tables are not here (PNEUMO_SHARED)"
)


@pytest.fixture(scope="module")
def rsna():
    """The settings of each recipe on RSNA's whole tables."""

    def settings(recipe, reserved=None):
        data = load_settings(ROOT / f"recipes/{recipe}.yaml").data
        return data.model_copy(update={"root": str(TABLES), "reserved_test": reserved})

    return settings


def test_the_splits_shown_are_those_that_prepare_makes(data_settings, prepared_folder):
    shown = splits_of(data_settings).set_index("patientId")["split"]
    made = load_prepared(prepared_folder).index.set_index("patientId")["split"]
    assert shown.sort_index().to_dict() == made.sort_index().to_dict()


def test_both_leaks_are_shown_side_by_side(data_settings):
    found = overview(data_settings)
    assert {name: row["images"] for name, row in found["splits"].items()} == {
        "train": 16, "validation": 10, "test": 10
    }  # fmt: skip
    assert found["leak"]["by_person"]["people_in_two_splits"] == 0
    assert found["leak"]["by_image"]["people_in_two_splits"] > 0


def test_people_come_from_the_mapping_where_it_is_sure(broken_root):
    (broken_root / "patients.csv").unlink()
    names = sorted(path.stem for path in (broken_root / "stage_2_train_images").iterdir())
    table = pd.DataFrame({"patientId": names, "nih_patient": "00000007", "mse": 1.5})
    table.loc[3, "mse"] = 10.0
    table.to_csv(broken_root / MAPPING, index=False)
    images = open_tables(broken_root).images()
    assert images["person"].isna().tolist() == [n == 3 for n in range(36)]
    assert images["person"].iloc[0] == "00000007"


@pytest.mark.slow
@whole_tables
def test_on_the_whole_tables_a_split_by_image_leaks_70_percent_and_ours_none(rsna):
    found = overview(rsna("rsna"))
    assert {name: row["images"] for name, row in found["splits"].items()} == {
        "train": 21786, "validation": 2400, "test": 2400, "unused": 98
    }  # fmt: skip
    assert found["leak"]["by_person"] == {
        "people_in_two_splits": 0,
        "validation_images_of_training_people": 0.0,
        "test_images_of_training_people": 0.0,
    }
    assert found["leak"]["by_image"]["validation_images_of_training_people"] == pytest.approx(
        0.70, abs=0.02
    )
    for key in ("positive", "ap"):
        shares = [found["splits"][name][key] for name in ("train", "validation", "test")]
        assert max(shares) - min(shares) < 0.003


@whole_tables
def test_the_seeds_recipe_reserves_the_stage_1_test_images_and_their_people(rsna):
    images = splits_of(rsna("seed", RESERVED))
    assert images["split"].value_counts().drop("unused").to_dict() == {
        "train": 4800, "validation": 1200, "test": 1000
    }  # fmt: skip
    test = images[images["split"] == "test"]
    assert sorted(test["patientId"]) == read_ids(TABLES / RESERVED)
    theirs = images[images["person"].isin(test["person"].dropna())]
    assert len(theirs) == 5385
    assert set(theirs["split"]) == {"test", "unused"}
    assert test["target"].mean() == pytest.approx(0.353, abs=0.001)


@pytest.mark.slow
@whole_tables
def test_validate_finds_what_is_unusual_in_the_whole_tables(rsna, tmp_path):
    params = yaml.safe_load((ROOT / "recipes/seed.yaml").read_text())
    params["data"] |= {"root": str(TABLES), "reserved_test": RESERVED}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    command = [str(Path(sys.executable).with_name("pneumo")), "validate", "v.json", "docs"]
    said = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert "warning: headers.age: an age is over 120: 5 rows (" in said
    assert "warning: images.person_known: " in said
    assert "98 rows" in said
    result = json.loads((tmp_path / "v.json").read_text())
    assert (result["images"], result["positive"], result["people"]) == (26684, 6012, 11410)
