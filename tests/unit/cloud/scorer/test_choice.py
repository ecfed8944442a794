"""Which bundles are loaded where not all fit."""

from roost_cloud.scorer.choice import Candidate, choose
from roost_cloud.tasks.resolution import Version
from roost_shared.clock import SECOND

NOW_NS = 1000 * SECOND


def candidate(name: str, *, loaded: bool = False, asked_s_ago: int | None = None, size_bytes: int = 10) -> Candidate:
    asked_ns = None if asked_s_ago is None else NOW_NS - asked_s_ago * SECOND
    return Candidate(Version("acme", name, "1", name, size_bytes), loaded, asked_ns)


def test_all_that_fit_are_loaded_whether_asked_for_or_not() -> None:
    assert choose([candidate("a"), candidate("b")], 20, NOW_NS, {}) == {"a", "b"}


def test_what_is_asked_for_goes_before_what_is_idle() -> None:
    idle, wanted = candidate("a", loaded=True, asked_s_ago=500), candidate("b", asked_s_ago=1)
    assert choose([idle, wanted], 10, NOW_NS, {}) == {"b"}


def test_two_in_use_that_do_not_fit_together_do_not_drive_each_other_out() -> None:
    here, there = candidate("b", loaded=True, asked_s_ago=5), candidate("a", asked_s_ago=0)
    assert choose([here, there], 10, NOW_NS, {}) == {"b"}


def test_what_is_too_large_leaves_room_for_what_is_not() -> None:
    large, small = candidate("a", asked_s_ago=0, size_bytes=100), candidate("b")
    assert choose([large, small], 50, NOW_NS, {}) == {"b"}


def test_a_known_need_of_memory_goes_before_the_size_on_disk() -> None:
    assert choose([candidate("a", loaded=True)], 15, NOW_NS, {"a": 20}) == set()


def test_a_bundle_of_two_contestants_counts_once() -> None:
    assert choose([candidate("a"), candidate("a"), candidate("b")], 20, NOW_NS, {}) == {"a", "b"}
