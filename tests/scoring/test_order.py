"""What is read first: the gravest reason, then what is near the operating point; nothing hidden."""

import hashlib
import json
from pathlib import Path
from shutil import copytree

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pneumo.dicom import read_radiograph
from pneumo.intake.look import REVIEWS
from pneumo.monitoring._images import SCHEMA
from pneumo.scoring._order import places
from pneumo.scoring.parts import Store
from pneumo.site.sitekey import person_of, site_key

pytestmark = pytest.mark.slow


def row(content, probability, review="", margin=0.5, unusual=1.0, disagreement=0.1):
    return {
        "content": content, "reason": "", "probability": probability, "margin": margin,
        "review": review, "unusual": unusual, "disagreement": disagreement,
    }  # fmt: skip


def test_the_gravest_reason_comes_first_and_then_probability():
    rows = [
        row("a", 0.1), row("b", 0.9), row("c", 0.2, "child"), row("d", 0.3, "turned;unusual"),
        row("e", 0.4, "unusual", unusual=50.0), row("f", 0.5, "unusual", unusual=90.0),
        row("g", 0.6, "blank;unusual"), row("h", 0.9),
    ]  # fmt: skip
    found = places(rows, 0.0)
    assert sorted(found, key=lambda content: found[content].order) == list("gdfecbha")
    assert [place.order for place in sorted(found.values(), key=lambda p: p.order)] == [
        *range(1, 9)
    ]
    assert found["d"].words == f"{REVIEWS['turned']}; {REVIEWS['unusual']}"
    assert found["a"].words == ""


def test_what_the_networks_disagree_about_comes_before_what_is_near_the_operating_point():
    rows = [
        row("a", 0.1, "uncertain", disagreement=0.2), row("b", 0.9, margin=0.01),
        row("c", 0.2, "uncertain", margin=0.0, disagreement=0.3), row("d", 0.3, "child"),
        row("e", 0.8, "unusual;uncertain"), row("f", 0.7),
    ]  # fmt: skip
    found = places(rows, 0.9)
    assert sorted(found, key=lambda content: found[content].order) == list("edcabf")
    assert found["a"].words == "the networks disagree about it"
    assert found["e"].words == f"{REVIEWS['unusual']}; the networks disagree about it"
    assert (found["b"].review, found["b"].words) == (
        "uncertain", "its probability is near the operating point",
    )  # fmt: skip


@pytest.mark.parametrize(("share", "marked"), [(0.0, 1), (0.2, 2), (0.5, 5), (1.0, 10)])
def test_what_is_near_the_operating_point_fills_the_share(share, marked):
    rows = [row(f"r{n}", 0.5, margin=n / 100) for n in range(9)] + [row("x", 0.1, "child")]
    found = places(rows, share)
    uncertain = [name for name, place in found.items() if place.review == "uncertain"]
    assert sorted(uncertain) == [f"r{n}" for n in range(marked - 1)]
    assert len(found) == 10


@pytest.mark.parametrize(
    ("count", "share", "marked"),
    [(1, 0.1, 1), (9, 0.1, 1), (10, 0.1, 1), (11, 0.1, 2), (100, 0.07, 7), (30, 0.1, 3), (5, 0, 0)],
)
def test_at_least_the_share_has_a_reason_however_few_there_are(count, share, marked):
    found = places([row(f"r{n}", 0.5, margin=n / 100) for n in range(count)], share)
    assert sum(place.review == "uncertain" for place in found.values()) == marked


def test_radiographs_of_before_have_an_order_and_no_reason():
    old = [
        dict.fromkeys(("review", "margin", "unusual", "disagreement"))
        | {"content": c, "probability": p}
        for c, p in (("a", 0.1), ("b", 0.9))
    ]
    found = places(old, 1.0)
    assert [(found[c].order, found[c].review) for c in "ba"] == [(1, ""), (2, "")]


@pytest.fixture(scope="module")
def predictions(undisturbed) -> pd.DataFrame:
    return pd.read_parquet(undisturbed / "predictions.parquet")


def test_every_scored_file_has_an_order_and_a_tenth_has_a_reason(predictions, undisturbed):
    scored = predictions[predictions["status"] == "scored"]
    distinct = scored.drop_duplicates("content")
    assert sorted(distinct["order"]) == [*range(1, len(distinct) + 1)]
    first = distinct.sort_values("order")["review"] != ""
    assert first.is_monotonic_decreasing
    assert first.sum() >= int(0.1 * len(distinct))
    assert (distinct["review_reason"] != "").equals(distinct["review"] != "")
    assert predictions[predictions["status"] == "rejected"]["order"].isna().all()
    summary = json.loads((undisturbed / "summary.json").read_text())
    assert sum(summary["review"].values()) >= first.sum()


def test_people_are_named_by_the_sites_key_alone(predictions):
    rows = predictions[(predictions["status"] == "scored") & (predictions["person"] != "")]
    assert len(rows) > 30
    for line in rows.iloc[:5].itertuples():
        patient = read_radiograph(Path(line.file)).patient_id
        summed = hashlib.sha256(patient.encode()).hexdigest()
        assert line.person == person_of(summed, site_key())


def test_parts_hold_the_features_of_what_was_scored(undisturbed):
    rows = [row for part in Store(undisturbed).parts() for row in part.rows()]
    scored = [row for row in rows if not row["reason"]]
    assert all(len(row["features"]) == 28 for row in scored)
    assert all(row["turned"] is None for row in scored)  # this package has no profile


def test_parts_of_before_are_read_and_have_nothing_measured(undisturbed, tmp_path):
    copytree(undisturbed / "shards", tmp_path / "shards")
    part = next(Store(tmp_path).parts())
    kept = pq.read_table(part.folder / "rows.parquet").column_names[:14]
    pq.write_table(pq.read_table(part.folder / "rows.parquet", columns=kept),
                   part.folder / "rows.parquet")  # fmt: skip
    assert part.rows()[0]["features"] is None
    assert part.looks()[0]["margin"] is None
    table = part.table(SCHEMA)
    assert table["features"].null_count == table.num_rows
    assert table.schema.names == SCHEMA.names
