import pytest

from roost_shared.clock import MS, SECOND
from roost_shared.phi.budget import SHARE, Budget

US = 1_000


def measured(inference_ns: int, phi_ns: int, every_ns: int, inputs: int) -> int:
    """How many inputs are measured."""
    budget, now_ns, count = Budget(), 0, 0
    for _ in range(inputs):
        now_ns += every_ns
        if budget.earn(inference_ns, now_ns):
            count += 1
            budget.spend(phi_ns, now_ns)
    return count


def test_of_a_large_model_every_input_is_measured() -> None:
    assert measured(10 * MS, 200 * US, 10 * MS, 1000) == 1000


@pytest.mark.parametrize(("inference_ns", "phi_ns"), [(4 * MS, 150 * US), (100 * US, 60 * US), (20 * US, 100 * US)])
def test_at_full_load_it_takes_its_share_of_a_small_model_s_time_and_one_a_second(
    inference_ns: int, phi_ns: int
) -> None:
    inputs = 5 * SECOND // inference_ns
    count = measured(inference_ns, phi_ns, inference_ns, inputs)
    share = count * phi_ns / (inputs * inference_ns)
    assert 0.9 * SHARE <= share <= SHARE + 6 * phi_ns / (5 * SECOND)


def test_an_input_a_second_is_measured_whatever_that_costs() -> None:
    assert measured(1 * US, 100 * US, SECOND, 60) == 60


def test_one_slow_measurement_is_paid_for_and_does_not_end_them() -> None:
    budget = Budget()
    assert budget.earn(10 * MS, 0)
    budget.spend(10 * MS, 10 * MS)  # the machine had other things to do
    later = [now_ns for now_ns in range(20 * MS, 2 * SECOND, 10 * MS) if step(budget, now_ns)]
    assert later[0] == 510 * MS
    assert later[1:] == list(range(520 * MS, 2 * SECOND, 10 * MS))


def step(budget: Budget, now_ns: int) -> bool:
    may = budget.earn(10 * MS, now_ns)
    if may:
        budget.spend(100 * US, now_ns)
    return may
