"""What two splits share that they must not: people, and pictures of the same radiograph."""

import numpy as np

from pneumo import splits
from pneumo.duplicates import same_pictures, shrink
from pneumo.prepared import Prepared


def leaked_people(data: Prepared) -> int:
    """Number of people with images in more than one split."""
    return splits.leaked_people(data.index)


def leaked_images(data: Prepared) -> int:
    """Number of images that show the same picture as an image of another split."""
    thumbs = np.stack([shrink(image) for image in data.images])
    split = data.index["split"].to_numpy(object)
    shared = (rows for rows in same_pictures(thumbs) if len(set(split[rows])) > 1)
    return sum(map(len, shared))
