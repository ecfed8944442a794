from pathlib import Path

from roost_edge.workers.membership import Membership, ServedContestant
from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

CRASHED = ErrorInfo("worker.crashed", "killed while shadow ran")
HOUR_NS = 3600 * SECOND


def group(*shadows: str) -> Membership:
    contestants = [ServedContestant("primary", Path("p"))]
    contestants += [ServedContestant(name, Path(name), may_answer=False) for name in shadows]
    return Membership(contestants)


def names(membership: Membership) -> list[str]:
    return [member.name for member in membership.staying]


def test_the_second_offence_throws_a_head_out_and_names_why() -> None:
    membership = group("shadow", "other")
    assert not membership.offend("shadow", 0, CRASHED)
    assert membership.offend("shadow", 1, CRASHED)
    assert membership.members["shadow"].last_error == CRASHED
    assert names(membership) == ["primary", "other"]
    assert [member.name for member in membership.start_anew()] == ["primary", "other"]


def test_who_is_out_is_not_thrown_out_again() -> None:
    membership = group("shadow")
    assert [membership.offend("shadow", at_ns, CRASHED) for at_ns in range(4)] == [False, True, False, False]


def test_offences_are_counted_for_each_head_apart() -> None:
    membership = group("shadow", "other")
    assert not membership.offend("shadow", 0, CRASHED)
    assert not membership.offend("other", 1, CRASHED)


def test_an_offence_is_forgiven_after_an_hour() -> None:
    membership = group("shadow")
    assert not membership.offend("shadow", 0, CRASHED)
    assert not membership.offend("shadow", HOUR_NS, CRASHED)
    assert membership.offend("shadow", 2 * HOUR_NS - 1, CRASHED)


def test_one_that_may_answer_stays_whatever_it_does() -> None:
    membership = group("shadow")
    assert not any(membership.offend("primary", at_ns, CRASHED) for at_ns in range(9))


def test_the_last_one_left_stays() -> None:
    membership = Membership([ServedContestant("shadow", Path("s"), may_answer=False)])
    assert not any(membership.offend("shadow", at_ns, CRASHED) for at_ns in range(9))


def test_a_refused_one_gets_another_chance_when_the_subprocess_starts_anew() -> None:
    membership = group("shadow")
    membership.refuse("shadow", ErrorInfo("bundle.altered_blob", "sha256:ab"))
    assert membership.members["shadow"].refused
    assert [member.name for member in membership.start_anew()] == ["primary", "shadow"]
    assert not membership.members["shadow"].refused
