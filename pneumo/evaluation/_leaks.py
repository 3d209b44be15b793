"""Pictures of the same radiograph in two splits; ``prepared/splits.py`` counts the people."""

import numpy as np

from pneumo.evaluation.duplicates import same_pictures, shrink
from pneumo.prepared.format import Prepared


def leaked_images(data: Prepared) -> int:
    """Number of images that show the same picture as an image of another split."""
    thumbs = np.stack([shrink(image) for image in data.images])
    split = data.index["split"].to_numpy(object)
    shared = (rows for rows in same_pictures(thumbs) if len(set(split[rows])) > 1)
    return sum(map(len, shared))
