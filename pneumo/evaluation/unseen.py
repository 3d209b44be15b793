"""What is reached without a look at the radiograph: every network has to be better than that."""

import pandas as pd

from pneumo.detection.boxes import Box
from pneumo.evaluation._pixels import constant_boxes
from pneumo.evaluation._shortcut import FACTS, guess
from pneumo.evaluation.cases import make_cases
from pneumo.prepared.format import Prepared, Split


def two_boxes(data: Prepared, split: Split) -> dict[str, list[Box]]:
    """By ``patientId`` of the split, the median true boxes of the training images' two halves."""
    rows = data.rows(split)
    columns = max(frame.columns for frame in data.frames(rows))
    return dict.fromkeys(data.names(rows), constant_boxes(data.truth(data.rows("train")), columns))


def unseen_cases(data: Prepared, split: Split) -> pd.DataFrame:
    """The table of cases (see ``cases.COLUMNS``) of an answer that never sees a pixel.

    Its boxes are those of ``two_boxes``, on every radiograph; its probability is a logistic
    regression's from view, sex and age, fitted on the training images.
    """
    rows = data.rows(split)
    images = data.index.iloc[rows]
    found = two_boxes(data, split)
    probability = guess(data.index.iloc[data.rows("train")], images, FACTS)
    return make_cases(images, data.truth(rows), found, probability)
