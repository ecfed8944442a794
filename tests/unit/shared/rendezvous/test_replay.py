"""A recorded request played again: what its record tells, and what it does not."""

import dataclasses
from typing import Any

import msgspec
import pytest

from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import SHED, Contestant, Link, Rule, Sample, Score, TaskPolicy, is_sampled
from roost_shared.rendezvous.replay import BacklogError, Case, Play, Stall, case_of, play_original, play_other
from tests.support.recorded import Lived, World, live

FAST = Link(up=True, round_trip_ns=60 * MS)
DIED = ErrorInfo("worker.died", "the worker died")
CONTESTANTS = (Contestant(name="primary"), Contestant(name="backup"), Contestant(name="cloud", where="cloud"))
PRIMARY_OR_CLOUD = (
    Rule(accept="primary", min_confidence=0.8),
    Rule(accept="cloud"),
    Rule(accept="backup", after_ms=80, min_confidence=0.6),
    Rule(accept="primary", after_ms=250),
)


def policy(*rules: Rule, contestants: tuple[Contestant, ...] = CONTESTANTS, **terms: Any) -> TaskPolicy:
    terms = {"deadline_ms": 300, "default": "unknown", **terms}
    return TaskPolicy(task="meter", contestants=contestants, rules=rules or PRIMARY_OR_CLOUD, **terms)


def barred(bar: float) -> TaskPolicy:
    return policy(Rule(accept="primary", min_confidence=bar), *PRIMARY_OR_CLOUD[1:])


def world(primary: float = 0.7, link: Link = FAST, **more: Any) -> World:
    """The primary scores after 10 ms, the cloud 50 ms after it was asked, the backup after 30 ms."""
    said = {
        "primary": ((10.0, Score("primary", "7", primary)),),
        "cloud": ((50.0, Score("cloud", "1", 0.99)),),
        "backup": ((30.0, Score("backup", "4", 0.9)),),
    }
    return World({**said, **more.pop("says", {})}, link=link, **more)


def played(lived: Lived, by: TaskPolicy, other: TaskPolicy | None = None) -> tuple[Case, Play, Play]:
    case = case_of(lived.record, lived.late)
    original = play_original(case, by)
    return case, original, play_other(case, other or by, original)


def words(play: Play) -> tuple[str, str | None, float]:
    return play.answer.reason, play.contestant, play.answer.elapsed_ns / MS


def test_a_question_asked_earlier_comes_back_as_much_earlier() -> None:
    lived = live(policy(), world())  # unsure at 10 ms, so the cloud is asked, and says so at 60
    late_asker = policy(
        *PRIMARY_OR_CLOUD, contestants=(*CONTESTANTS[:2], Contestant(name="cloud", where="cloud", ask="always"))
    )
    _, original, replayed = played(lived, policy(), late_asker)
    assert (words(original), original.asked_ns) == (("preferred", "cloud", 60.0), {"cloud": 10 * MS})
    assert (words(replayed), replayed.asked_ns, replayed.unknown) == (("preferred", "cloud", 50.0), {"cloud": 0}, ())


def test_a_lower_bar_answers_at_once_and_asks_nobody() -> None:
    _, _, replayed = played(live(policy(), world()), policy(), barred(0.5))
    assert (words(replayed), replayed.asked_ns) == (("preferred", "primary", 10.0), {})


def test_whom_nobody_asked_then_is_unknown_and_lost_after_its_round_trip() -> None:
    lived = live(barred(0.5), world())
    _, original, replayed = played(lived, barred(0.5), policy())
    assert words(original) == ("preferred", "primary", 10.0)
    assert lived.late[0].contestant == "backup"
    assert replayed.unknown == ("cloud",)
    assert words(replayed) == ("fallback", "backup", 70.0)  # lost at 10 + 60, and the backup's rule opens early


def test_whom_the_record_says_nothing_of_is_unknown_once_the_recorded_answer_is_past() -> None:
    silent = world(says={"backup": ()})
    _, _, replayed = played(live(barred(0.5), silent), barred(0.5), policy())
    assert replayed.unknown == ("backup", "cloud")
    assert words(replayed) == ("fallback", "primary", 250.0)
    _, _, same = played(live(policy(), silent), policy())
    assert same.unknown == ()


def test_a_question_that_was_silent_for_long_is_not_lost_earlier_by_other_rules() -> None:
    never = world(0.7, says={"cloud": (), "backup": ()}, link=Link(up=True, round_trip_ns=20 * MS))
    _, original, replayed = played(live(policy(), never), policy(), policy(*PRIMARY_OR_CLOUD[:2], deadline_ms=400))
    assert words(original) == ("fallback", "primary", 250.0)
    assert (words(replayed), replayed.unknown) == (("fallback", "primary", 250.0), ("backup", "cloud")[1:])


def test_a_link_that_was_down_is_down_by_any_rules() -> None:
    lived = live(policy(), world(link=Link()))
    _, original, replayed = played(lived, policy(), barred(0.95))
    assert words(original) == words(replayed) == ("fallback", "backup", 30.0)
    assert not replayed.asked_ns


def test_who_sat_it_out_sits_it_out_again() -> None:
    lived = live(policy(), world(absent={"primary": SHED, "cloud": DIED}))
    case, original, replayed = played(lived, policy(), barred(0.1))
    assert case.absent == {"primary": SHED, "cloud": DIED}
    assert words(original) == words(replayed) == ("fallback", "backup", 30.0)


def test_a_timer_that_came_late_comes_as_late_again() -> None:
    rules = (Rule(accept="primary", min_confidence=0.9), Rule(accept="backup", after_ms=80))
    busy = World(
        {"backup": ((5.0, Score("backup", "4", 0.9)),), "primary": ((82.0, Score("primary", "7", 0.95)),)},
        timer_late_ms=4,
    )
    _, original, _ = played(live(policy(*rules), busy), policy(*rules))
    assert words(original) == ("preferred", "primary", 82.0)
    assert original.stall == Stall(80 * MS, 82 * MS)
    assert original.stall.fires_ns(81 * MS) == 82 * MS
    assert original.stall.fires_ns(82 * MS) == 82 * MS


def test_what_came_late_at_the_answers_own_microsecond_stays_late() -> None:
    lived = live(
        policy(Rule(accept="primary"), Rule(accept="backup", after_ms=10)),
        World(
            {
                "backup": ((5.0, Score("backup", "4", 0.9)),),
                "primary": ((10.0004, Score("primary", "7", 0.9)),),
            }
        ),
    )
    assert [one.elapsed_ms for one in lived.late] == [10.0]
    _, original, _ = played(lived, policy(Rule(accept="primary"), Rule(accept="backup", after_ms=10)))
    assert words(original) == ("fallback", "backup", 10.0)


def test_a_question_given_up_and_answered_after_all_is_late_again() -> None:
    lost = ((40.0, ErrorInfo("link.lost", "lost")), (90.0, Score("cloud", "1", 0.99)))
    lived = live(policy(), world(says={"cloud": lost}))
    assert [one.contestant for one in lived.late] == ["cloud"]
    case, original, patient = played(lived, policy(), policy(Rule(accept="cloud"), early_advance=False))
    assert words(original) == ("fallback", "backup", 50.0)
    assert [(one.final, one.late) for one in case.of("cloud")] == [(False, False), (True, True)]
    assert patient.contestant == "cloud"


def test_shares_are_chosen_by_the_requests_key() -> None:
    sampled = policy(contestants=(*CONTESTANTS[:2], Contestant(name="cloud", where="cloud", ask=Sample(0.5))))
    for number in range(1, 20):
        lived = live(sampled, world(), number=number)
        assert bool(played(lived, sampled)[1].asked_ns) == is_sampled(lived.record.key or "", 0.5)


def test_a_request_too_many_is_one_too_many_by_any_rules() -> None:
    lived = live(policy(), world())
    answer = msgspec.structs.replace(lived.record.answer, reason="overloaded", candidates=[], contestant=None)
    refused = dataclasses.replace(lived, record=msgspec.structs.replace(lived.record, answer=answer), late=[])
    _, original, replayed = played(refused, policy(), barred(0.1))
    assert words(original) == words(replayed) == ("overloaded", None, 0.0)


def test_a_backlog_is_not_played() -> None:
    lived = live(policy(), world())
    with pytest.raises(BacklogError, match="boot-1"):
        case_of(msgspec.structs.replace(lived.record, backlog=True), lived.late)
