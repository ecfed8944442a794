from roost_cloud.rollouts.membership import Aim, aim_of, cuts_of, place
from roost_cloud.rollouts.plan import Stage

STAGES = (
    Stage(name="shadow", mode="shadow", share=0.5),
    Stage(name="north", selector="site=north"),
    Stage(name="one", devices=("cam-7",)),
    Stage(name="all", share=1.0),
)


def aimed(come_to: int, device: str, at: float, **labels: str) -> Aim | None:
    return aim_of(STAGES, cuts_of(STAGES, [0.1, 0.2, 0.3, 0.9]), come_to, device, at, labels)


def test_places_are_spread_evenly() -> None:
    places = [place("r", f"cam-{number}") for number in range(2000)]
    assert all(0 <= one < 1 for one in places)
    assert abs(sum(places) / 2000 - 0.5) < 0.02
    assert abs(sum(one < 0.1 for one in places) / 2000 - 0.1) < 0.02


def test_a_device_is_aimed_at_what_the_stages_begun_give_it_and_counted_by_the_first_that_does() -> None:
    assert aimed(-1, "cam-1", 0.1) is None
    assert aimed(0, "cam-1", 0.1) == Aim(0, "shadow")
    assert aimed(0, "cam-1", 0.9) is None
    assert aimed(1, "cam-1", 0.9, site="north") == Aim(1, "active")
    assert aimed(1, "cam-1", 0.1, site="south") == Aim(0, "shadow")
    assert aimed(2, "cam-7", 0.1, site="north") == Aim(1, "active"), "it was active before"
    assert aimed(3, "cam-1", 0.1) == Aim(3, "active")


def test_a_share_of_a_small_fleet_reaches_as_many_devices_as_the_stage_needs() -> None:
    small = (Stage(name="a", share=0.01, minimum=2),)
    cuts = cuts_of(small, [0.4, 0.3, 0.8])
    reached = [at for at in (0.3, 0.4, 0.8) if aim_of(small, cuts, 0, "d", at, {}) is not None]
    assert reached == [0.3, 0.4]
    assert cuts_of(small, []) == [0.01]
