import re
from dataclasses import replace

import pytest

from pneumo.gate import Measured, decide
from pneumo.settings import PromotionSettings

SETTINGS = PromotionSettings(minimum_gain=0.01, minimum_map=0.1)
CHAMPION = Measured(map=0.30, test_set="t", leaked_people=0)


@pytest.mark.parametrize(
    ("candidate", "champion", "promoted", "reason"),
    [
        (CHAMPION, None, True, "no champion yet"),
        (replace(CHAMPION, map=0.05), None, False, "floor 0.1000"),
        (replace(CHAMPION, leaked_people=1), None, False, "1 people are in two splits"),
        (replace(CHAMPION, map=0.32), CHAMPION, True, r"gain \+0.0200"),
        (replace(CHAMPION, map=0.305), CHAMPION, False, "needed more than 0.0100"),
        (replace(CHAMPION, map=0.31), CHAMPION, False, "needed more than"),  # equal is not more
        (replace(CHAMPION, map=0.90, test_set="u"), CHAMPION, False, "other test images"),
    ],
)
def test_a_candidate_is_promoted_only_if_every_rule_holds(candidate, champion, promoted, reason):
    verdict = decide(candidate, champion, SETTINGS)
    assert verdict.promoted is promoted
    assert any(re.search(reason, text) for text in verdict.reasons)
