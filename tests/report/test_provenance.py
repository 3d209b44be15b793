"""The sum of the code covers all that DVC watches."""

import pneumo.stages.evaluate as stage
from pneumo.base.code import ROOT, code_sum, reached
from tests.test_pipeline import STAGES


def test_an_evaluation_names_the_code_that_dvc_watches():
    listed = {ROOT / dep for dep in STAGES["evaluate"]["deps"] if dep.endswith(".py")}
    assert set(reached(stage.__name__)) == listed
    assert len(code_sum(stage.__name__)) == 64
