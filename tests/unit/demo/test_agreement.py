"""What the demo says of agreement, and of a shadow that shares its base."""

from typing import Any

import pytest

from scripts.roost_demo.agreement import agreement_line, shares_process, total


def test_devices_are_summed_by_contestant() -> None:
    one = {"shadow": {"compared": 10, "agreeing": 9}, "backup": {"compared": 4, "agreeing": 4}}
    assert total([one, {"shadow": {"compared": 30, "agreeing": 30}}, {}]) == {
        "shadow": {"compared": 40, "agreeing": 39},
        "backup": {"compared": 4, "agreeing": 4},
    }


def test_the_line_names_those_that_never_answer() -> None:
    counts = {"compared": 40, "agreeing": 39}
    line = agreement_line({"baseline": counts, "backup": counts, "shadow": counts})
    assert line == "agreement with the answers: shadow 97.5% of 40, baseline 97.5% of 40"
    assert agreement_line({}) == "agreement with the answers: none counted"


@pytest.mark.parametrize(
    ("contestants", "shared"),
    [
        ({"primary": {"pid": 7}, "shadow": {"pid": 7}}, True),
        ({"primary": {"pid": 7}, "shadow": {"pid": 8}}, False),
        ({"primary": {"pid": None}, "shadow": {"pid": None}}, False),
        ({"primary": {"pid": 7}}, False),
    ],
)
def test_a_shadow_shares_if_it_has_the_primarys_process(contestants: dict[str, Any], *, shared: bool) -> None:
    assert shares_process(contestants) is shared
