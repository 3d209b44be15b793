import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from pneumo.detection.boxes import Frame, components, filter_boxes
from pneumo.detection.ensemble import blend
from pneumo.tuning._regions import Frames, find_regions, likely_pixels

FRAMES = [Frame(1024, 1024, 32), Frame(2000, 1501, 32), Frame(700, 901, 32), Frame(64, 1000, 32)]
WEIGHTS = {"a": 0.3, "b": 0.7}


def maps(seed: int, blur: float) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed).standard_normal((2, len(FRAMES), 32, 32))
    smooth = gaussian_filter(noise, (0, 0, blur, blur))
    return dict(zip("ab", (0.5 + smooth / smooth.std() / 4).clip(0, 1).astype("f4"), strict=True))


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 2.0]), st.sampled_from([0.3, 0.5, 0.8]))
def test_regions_are_those_that_scikit_image_finds(seed, blur, threshold):
    found = maps(seed, blur)
    pixels = likely_pixels(found, 0.3)
    regions = find_regions(pixels, pixels.blended(WEIGHTS), threshold, Frames(FRAMES))
    for number, (probability, frame) in enumerate(zip(blend(found, WEIGHTS), FRAMES, strict=True)):
        parts = [part.to_original(frame) for part in components(probability, threshold)]
        mine = regions.boxes.image == number
        ours = zip(
            regions.boxes.sides[mine].tolist(),
            regions.boxes.confidence[mine].tolist(),
            regions.pixels[mine].tolist(),
            strict=True,
        )
        assert sorted(ours) == sorted(
            ([p.box.x, p.box.y, p.box.width, p.box.height], p.box.confidence, float(p.pixels))
            for p in parts
            if p.box.area > 0
        )
        ranked = [box.confidence for box in filter_boxes(parts, 0, 0, 0)]
        assert regions.boxes.confidence[mine].tolist() == ranked


def test_maps_below_the_threshold_have_no_region():
    pixels = likely_pixels({"a": np.full((2, 32, 32), 0.4, "f4")}, 0.3)
    assert not len(find_regions(pixels, pixels.blended({"a": 1.0}), 0.5, Frames(FRAMES)).pixels)


def test_the_last_row_of_a_map_does_not_touch_the_first_of_the_next():
    values = np.zeros((2, 32, 32), "f4")
    values[0, 31, 16], values[1, 0, 16] = 0.9, 0.9
    pixels = likely_pixels({"a": values}, 0.3)
    regions = find_regions(pixels, pixels.blended({"a": 1.0}), 0.5, Frames(FRAMES))
    assert regions.boxes.image.tolist() == [0, 1]
