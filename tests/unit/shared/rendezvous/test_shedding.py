"""Shadows, then baselines, are shed first; answers never."""

import pytest

from roost_shared.rendezvous import SHED, Pressure, pressure_of, roles_to_shed


@pytest.mark.parametrize(
    ("in_flight", "pressure"),
    [(0, "none"), (49, "none"), (50, "high"), (74, "high"), (75, "severe"), (100, "severe"), (1_000, "severe")],
)
def test_pressure_grows_with_what_is_in_flight(in_flight: int, pressure: Pressure) -> None:
    assert pressure_of(in_flight, 100) == pressure


@pytest.mark.parametrize(
    ("pressure", "roles"), [("none", set()), ("high", {"shadow"}), ("severe", {"shadow", "baseline"})]
)
def test_shadows_go_first_then_baselines(pressure: Pressure, roles: set[str]) -> None:
    assert roles_to_shed(pressure) == roles


def test_the_error_of_the_shed_is_stable() -> None:
    assert SHED.code == "shed"
