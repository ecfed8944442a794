import doctest

import pytest

from roost_shared import backoff as backoff_module
from roost_shared.backoff import Backoff


def test_ceiling_grows_by_the_factor_up_to_the_limit() -> None:
    backoff = Backoff(first_ns=10, limit_ns=100, factor=3)
    assert [backoff.next_ns(1.0) for _ in range(5)] == [10, 30, 90, 100, 100]


def test_wait_is_the_drawn_share_of_the_ceiling() -> None:
    backoff = Backoff(first_ns=1000, limit_ns=1000)
    assert [backoff.next_ns(share) for share in (0.0, 0.25, 1.0)] == [0, 250, 1000]


def test_reset_starts_over() -> None:
    backoff = Backoff(first_ns=1, limit_ns=64)
    for _ in range(20):
        backoff.next_ns(1.0)
    backoff.reset()
    assert backoff.next_ns(1.0) == 1


def test_a_thousand_failures_stay_bounded() -> None:
    backoff = Backoff(first_ns=1, limit_ns=7)
    assert max(backoff.next_ns(1.0) for _ in range(1000)) == 7


@pytest.mark.parametrize(
    ("first_ns", "limit_ns", "factor"),
    [
        pytest.param(0, 10, 2, id="no first wait"),
        pytest.param(11, 10, 2, id="limit below the first wait"),
        pytest.param(1, 10, 0, id="shrinking"),
    ],
)
def test_senseless_settings_are_refused(first_ns: int, limit_ns: int, factor: int) -> None:
    with pytest.raises(ValueError, match="first_ns"):
        Backoff(first_ns, limit_ns, factor)


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(backoff_module).failed == 0
