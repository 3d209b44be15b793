"""What is turned, reversed, blank or unusual is told of single pictures; a profile keeps no row."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pneumo.base.errors import DataError
from pneumo.detection.frame import Frame
from pneumo.intake.look import distances, inside, look_at, reviews
from pneumo.intake.profile import PROFILE, Profile, read_profile
from tests.intake.radiographs import SIZE_PX, chests, seen

FRAME = Frame(SIZE_PX, SIZE_PX, SIZE_PX)
WAYS = {
    "left": lambda p: np.rot90(p),
    "right": lambda p: np.rot90(p, 3),
    "head": lambda p: np.rot90(p, 2),
    "negative": lambda p: 255 - p,
    "negative, left": lambda p: 255 - np.rot90(p),
}


def codes(picture: np.ndarray, profile: Profile, age: float | None = 50.0) -> list[str]:
    return reviews(look_at(np.ascontiguousarray(picture), FRAME, profile), age, profile)


@pytest.mark.parametrize("way", WAYS)
def test_turned_and_reversed_pictures_are_told(profile, way):
    found = ["turned" in codes(WAYS[way](p), profile) for p in chests(40, 7)]
    assert np.mean(found) > 0.95


def test_upright_pictures_are_left_alone(profile):
    found = [codes(picture, profile) for picture in chests(100, 9)]
    assert sum("turned" in code for code in found) <= 2
    assert sum(map(bool, found)) <= 10


def test_a_mirrored_picture_has_the_opposite_mirror_score(profile):
    for picture in chests(5, 11):
        one, other = (
            look_at(np.ascontiguousarray(p), FRAME, profile).mirror
            for p in (picture, picture[:, ::-1])
        )
        assert one == pytest.approx(-other, abs=1e-6)
        assert one > 0


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_is_blank_and_not_turned(profile, level):
    found = codes(np.full((SIZE_PX, SIZE_PX), level, np.uint8), profile)
    assert found[0] == "blank"
    assert "turned" not in found


@pytest.mark.parametrize(
    ("age", "child"), [(17.9, True), (18.0, False), (0.01, True), (None, False)]
)
def test_a_child_is_told_by_the_age_alone(profile, age, child):
    assert ("child" in codes(chests(1, 3)[0], profile, age)) == child


@pytest.mark.parametrize(
    ("disagreement", "limit", "uncertain"),
    [(0.3, 0.2, True), (0.2, 0.2, False), (0.3, None, False), (None, 0.2, False)],
)
def test_where_the_networks_disagree_more_than_usual_it_is_uncertain(
    profile, disagreement, limit, uncertain
):
    known = replace(profile, disagreement=limit)
    look = look_at(chests(1, 7)[0], FRAME, known)
    assert ("uncertain" in reviews(look, None, known, disagreement)) == uncertain
    assert "uncertain" not in reviews(look, None, None, disagreement)


def test_a_profile_of_before_has_no_limit_of_disagreement(profile):
    assert "disagreement" not in profile.to_json()
    assert Profile.from_json(profile.to_json()).disagreement is None
    known = replace(profile, disagreement=0.123456)
    assert Profile.from_json(known.to_json()).disagreement == 0.123456


def test_margins_of_the_square_are_no_part_of_the_radiograph(profile):
    picture = chests(1, 4)[0]
    frame = Frame(2 * SIZE_PX, SIZE_PX, SIZE_PX)  # twice as high as wide
    square = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    square[:, 16:48] = picture[:, ::2]
    np.testing.assert_array_equal(inside(square, frame), picture[:, ::2])
    assert look_at(square, frame, profile).features[21] == pytest.approx(
        picture[0].mean() / 255, abs=0.3
    )


def test_without_a_profile_or_with_one_of_another_size_only_features_are_known(profile):
    for known, size in ((None, SIZE_PX), (profile, 32)):
        found = look_at(chests(1, 4)[0][:size, :size], Frame(size, size, size), known)
        assert (found.turned, found.mirror, found.unusual) == (None, None, None)
        assert len(found.features) == 28


def test_distances_are_mahalanobis_distances(profile):
    from scipy.spatial.distance import mahalanobis

    found, _ = seen(chests(4, 5))
    e = profile.embedding
    for row, distance in zip(found, distances(found, profile), strict=True):
        z = (row - e.input_means) / e.input_scales
        right = mahalanobis(z, np.zeros(28), e.input_precision) ** 2
        assert distance == pytest.approx(right)


def test_two_in_a_hundred_held_out_pictures_are_unusual(profile):
    found, _ = seen(chests(200, 2))
    assert (distances(found, profile) > profile.unusual).sum() == 4


def test_a_profile_is_the_same_after_it_was_written_and_has_no_rows(profile, tmp_path):
    text = json.dumps(profile.to_json())
    (tmp_path / PROFILE).write_text(text)
    again = read_profile(tmp_path / PROFILE)
    assert json.dumps(again.to_json()) == text
    assert len(text) < 200_000
    assert '"p1' not in text
    assert again.usual.people == 160


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99}, {"features": ["mean"]}, {"mirror": [1.0]}, {"mirror": None},
        {"mirror": [float("nan")] * 1024}, {"usual": {}}, {"input": []},
        {"disagreement": "much"}, {"disagreement": [0.1]}, {"disagreement": float("nan")},
    ],
)  # fmt: skip
def test_what_is_no_profile_is_refused_in_one_line(profile, change):
    with pytest.raises(DataError) as caught:
        Profile.from_json(profile.to_json() | change)
    assert len(str(caught.value).splitlines()) == 1


def test_the_same_people_give_the_same_profile(profile):
    from tests.intake.conftest import profile as made

    again = made.__wrapped__() if hasattr(made, "__wrapped__") else made.__pytest_wrapped__.obj()
    assert again.to_json() == profile.to_json()
