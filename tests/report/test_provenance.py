"""The sum of the code covers all that DVC watches."""

import pneumo.stages.evaluate as stage
from pneumo.base.code import ROOT, code_sum, reached
from tests.test_pipeline import STAGES


def test_an_evaluation_names_the_code_that_dvc_watches():
    listed = {ROOT / dep for dep in STAGES["evaluate"]["deps"] if dep.startswith("pneumo/")}
    assert all({path, *path.parents} & listed for path in reached(stage.__name__))
    assert len(code_sum(stage.__name__)) == 64
