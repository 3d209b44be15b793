"""The sum of the code covers what the code uses."""

import sys

import pneumo.stages.evaluate as stage
from pneumo.origin import code_sums
from tests.test_pipeline import ROOT, reached


def test_the_sum_covers_only_what_dvc_watches_and_nearly_all_of_it():
    summed = {str(sys.modules[name].__file__) for name in code_sums(stage)}
    watched = {str(path) for path in reached(ROOT / "pneumo/stages/evaluate.py")}
    assert summed <= watched
    for module in ("froc", "roc", "rsna", "boxes", "frame", "judge", "audit", "evaluation"):
        assert str(ROOT / f"pneumo/{module}.py") in summed
