"""From which age on a policy may say something else of an entry: by its own numbers, wherever they stand."""

import pytest

from rulecap import load_policy
from rulecap.service.freshness import fresh_for
from tests.promises.policies import put

POLICY = """
language: 1
policy: aged
version: 1.0.0
parameters:
  oldest: {{value: 45s, why: A minute is long.}}
  since:
    unit: seconds
    values:
      - {{from: 2020-01-01, is: 90s}}
      - {{from: 2021-01-01, is: 30s, why: After the losses of 2020.}}
inputs:
  account.margin_used: {{range: [0 USD, 1000000 USD]}}
  {inputs}
rules:
  entry: {{kind: formula, formula: "ENTER if {condition} else REJECT"}}
decisions:
  position:
    outputs: {{entry: entry, used: account.margin_used}}
    verdict: entry
    {opens}
    on_error: {{entry: REJECT, used: none}}
"""
NO_RANGE = "account.unrealized_pnl: {range: [-1000000 USD, 1000000 USD]}"


@pytest.mark.parametrize("policy", ["default", "conservative", "stop-risk"])
def test_the_shipped_policies_take_figures_of_a_minute_for_fresh(policy):
    assert fresh_for(load_policy(policy)) == 60


@pytest.mark.parametrize(
    ("condition", "inputs", "seconds"),
    [
        ("not known(age_seconds) or age_seconds < oldest", NO_RANGE, 45),
        ("known(age_seconds) and 20s > age_seconds", NO_RANGE, 20),
        ("known(age_seconds) and age_seconds < since", NO_RANGE, 30),
        ("known(age_seconds) and age_seconds < oldest", "age_seconds: {range: [0s, 10s]}", 10),
        ("account.margin_used < 1 USD", NO_RANGE, None),
        ("known(age_seconds)", NO_RANGE, None),
    ],
)
def test_it_is_the_least_number_that_the_age_is_compared_with(tmp_path, condition, inputs, seconds):
    text = POLICY.format(condition=condition, inputs=inputs, opens="opens: [ENTER]")
    assert fresh_for(load_policy(put(tmp_path, text))) == seconds


def test_what_opens_nothing_minds_no_age(tmp_path):
    text = POLICY.format(condition="known(age_seconds) and age_seconds < oldest", inputs=NO_RANGE, opens="")
    assert fresh_for(load_policy(put(tmp_path, text))) is None
