import math
import random

import pytest

from roost_cloud.rollouts.e_process import is_tripped, log_e_above, log_e_below


def test_it_is_the_ratio_of_a_uniform_mixture_to_the_bound() -> None:
    """By numerical integration, instead of the closed form."""
    hits, observed, bound, steps = 7, 60, 0.05, 200_000
    width = (1 - bound) / steps
    points = (bound + width * (step + 0.5) for step in range(steps))
    mixture = math.fsum(p**hits * (1 - p) ** (observed - hits) for p in points) * width / (1 - bound)
    expected = math.log(mixture / (bound**hits * (1 - bound) ** (observed - hits)))
    assert log_e_above(hits, observed, bound) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("hits", "observed", "bound"), [(0, 10_000, 0.5), (0, 100_000, 0.9)])
def test_it_stays_right_where_its_parts_are_too_small_for_a_float(hits: int, observed: int, bound: float) -> None:
    # For no hits the integral is (1 − p)^(n+1) / (n+1), which leaves 1/(n+1).
    assert log_e_above(hits, observed, bound) == pytest.approx(-math.log(observed + 1), abs=1e-6)


def test_below_is_above_with_hits_and_misses_exchanged() -> None:
    assert log_e_below(3, 50, 0.2) == pytest.approx(log_e_above(47, 50, 0.8))


def test_whoever_looks_after_every_observation_is_misled_no_oftener_than_alpha() -> None:
    draw, misled = random.Random(3), 0
    for _ in range(400):
        hits = 0
        for observed in range(1, 301):
            hits += draw.random() < 0.1
            if log_e_above(hits, observed, 0.1) >= math.log(20):
                misled += 1
                break
    assert misled / 400 <= 0.05
    assert misled > 0, "a test that never errs shows nothing"


def test_it_finds_a_share_that_is_twice_the_bound() -> None:
    assert log_e_above(40, 200, 0.1) > math.log(20) > log_e_above(24, 200, 0.1)


def test_a_group_trips_on_the_mean_of_its_members_or_on_one_that_is_large_enough_for_all() -> None:
    bar = math.log(100)
    assert not is_tripped([], 0.01)
    assert is_tripped([bar], 0.01)
    assert not is_tripped([bar, -50.0], 0.01), "the mean of two is half of the one"
    assert is_tripped([bar, bar + 1e-9], 0.01)
    assert is_tripped([bar + math.log(3), -1e6, -1e6], 0.01)
    assert is_tripped([5_000.0, 1.0], 0.01), "no overflow"


@pytest.mark.parametrize("arguments", [(3, 2, 0.1), (-1, 2, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_what_cannot_be_is_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"hits of|excludes nothing"):
        log_e_above(*arguments)
