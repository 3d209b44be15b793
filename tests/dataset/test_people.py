"""Who is on an image, as tables of people say it."""

import pandas as pd
import pytest

from pneumo.dataset.people import crowded, is_known, nobody_named, one_each, person_key


@pytest.mark.parametrize(
    "cell",
    ["None", "nan", "NaN", "NULL", "ANONYMOUS", "Anonymous^^^^", "anon", "unknown", " Unknown ",
     "N/A", "n.a.", "<NA>", "#N/A", "-", "--", "?", "***", "", "  ", None, float("nan"), "-1",
     "XXXX", "de-identified", "anonymous patient", "UNKNOWN^PATIENT", "not available"],
)  # fmt: skip
def test_a_placeholder_is_nobody(cell):
    people = pd.Series([cell, "P1"], dtype=object)
    assert is_known(people).tolist() == [False, True]
    assert one_each(people).isna().tolist() == [True, False]


@pytest.mark.parametrize(
    "cell",
    ["0", "0000", "1", "x", "q", "anon1", "ANON0007", "none-3", "Nana", "N7", "患者", "-7", "1.5"],
)
def test_a_pseudonym_is_somebody(cell):
    assert is_known(pd.Series([cell])).tolist() == [True]


@pytest.mark.parametrize(
    "spellings",
    [["007", "7"], ["0", "0.0", "0000"], ["12.0", "12", "012", "12,0", "12.00"],
     [" P1", "P1", "P1 ", "p1"], ["J. Doe", "j.doe"], ["Müller", "Mu\u0308ller"],
     ["9007199254740993", "9007199254740993.0"]],
)  # fmt: skip
def test_spellings_are_one_person(spellings):
    people = pd.Series([*spellings, "other"])
    assert one_each(people).tolist() == [min(spellings)] * len(spellings) + ["other"]


def test_different_people_stay_apart():
    people = ["P7", "P007", "70", "7", "1,000", "1", "1.5", "15", "9007199254740993",
              "9007199254740992", "7a", "A-1", "A1"]  # fmt: skip
    assert person_key(pd.Series(people)).nunique() == len(people)
    assert one_each(pd.Series(people)).tolist() == people


def test_a_person_in_one_spelling_keeps_it():
    assert one_each(pd.Series(["00000007", "00000007", " P"])).tolist() == [
        "00000007", "00000007", " P"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "many"),
    [
        ({"a": 16, "b": 2, "c": 2}, "a"),
        ({"a": 10, "b": 2}, ""),  # few in number
        ({"a": 40, **{f"p{n}": 1 for n in range(1000)}}, ""),  # a small share
        ({"a": 201, **{f"p{n}": 1 for n in range(9000)}}, "a"),
    ],
)
def test_a_person_of_very_many_images_is_found(counts, many):
    people = pd.Series([name for name, count in counts.items() for _ in range(count)])
    assert set(people[crowded(people)]) == set(many)


def test_placeholders_are_told_with_their_count():
    assert nobody_named(["nan", "None"] * 8) == "16 images name no person (None, nan)"
    assert nobody_named([None]) == "1 image names no person (blank)"
