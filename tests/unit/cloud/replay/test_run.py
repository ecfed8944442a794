"""A replay from its requests to its report, and what an interruption leaves of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_cloud.replay.other_rules import OtherRules
from roost_cloud.replay.replayer import Replayer
from roost_cloud.replay.report import Question, Report, report_of
from roost_cloud.replay.run import ReplayState, StateError, load_state, run_replay
from roost_cloud.replay.source import Recorded
from roost_cloud.replay.span import Span
from roost_shared.clock import MS
from roost_shared.records import LateRecord, encode_record
from roost_shared.rendezvous import Contestant, Link, Rule, Score, TaskPolicy
from tests.support.memory_source import NOON, MemorySource, recorded
from tests.support.recorded import World, live

POLICY = TaskPolicy(
    task="meter",
    contestants=(Contestant(name="primary"), Contestant(name="cloud", where="cloud")),
    rules=(
        Rule(accept="primary", min_confidence=0.8),
        Rule(accept="cloud"),
        Rule(accept="primary", after_ms=250),
    ),
    deadline_ms=300,
    default="unknown",
)
QUESTION = Question(task="meter", since="7d")
SPAN = Span(NOON, NOON.replace(day=25))


def lived(number: int) -> Recorded:
    """A request: of every four one is unsure, so that the cloud is asked, which says something else."""
    unsure = number % 4 == 0
    world = World(
        {
            "primary": ((10.0 + number, Score("primary", str(number % 3), 0.6 if unsure else 0.85)),),
            "cloud": ((50.0, Score("cloud", "9", 0.99)),),
        },
        link=Link(up=True, round_trip_ns=60 * MS),
    )
    told = live(POLICY, world, number=number)
    return recorded(told.record, told.late)


REQUESTS = [lived(number) for number in range(20, 0, -1)]


def replayed(
    requests: list[Recorded] = REQUESTS, rules: OtherRules | None = None, truth: dict[str, str] | None = None
) -> Report:
    source = MemorySource(requests, [POLICY])
    return run_replay(source, Replayer(source, rules), ReplayState(QUESTION, SPAN), truth=truth or {})


def changed(number: int, **fields: Any) -> Recorded:
    told = live(POLICY, World({"primary": ((5.0, Score("primary", "1", 0.9)),)}), number=number)
    return recorded(msgspec.structs.replace(told.record, **fields))


def test_by_their_own_rules_all_is_as_it_was() -> None:
    report = replayed()
    assert (report.records, report.replayed, report.changed.count) == (20, 20, 0)
    assert (report.differs_from_recorded.count, report.differing, report.unknown) == (0, [], {})
    assert report.recorded == report.would_be
    assert [(one.contestant, one.reason, one.share.count) for one in report.recorded.answers] == [
        ("primary", "preferred", 15),
        ("cloud", "preferred", 5),
    ]
    assert report.recorded.asked.count == 5
    assert report.recorded.at_edge.share == 0.75
    assert report.recorded.right is None
    assert (report.recorded.p50_ms, report.recorded.p99_ms) == (23.0, 80.0)


def test_by_a_lower_bar_nobody_is_asked_and_answers_change() -> None:
    report = replayed(rules=OtherRules(bars={"primary": 0.5}))
    assert (report.would_be.asked.count, report.would_be.at_edge.share) == (0, 1.0)
    assert report.changed.count == 5
    assert {one.change: one.share.count for one in report.changes} == {"9 → 0": 1, "9 → 1": 2, "9 → 2": 2}
    assert [one.sample for one in report.examples] == [f"boot-{number}" for number in (20, 16, 12, 8, 4)]
    assert report.teachers[0].contestant == "cloud"
    assert (report.teachers[0].recorded.share, report.teachers[0].replayed.share) == (1.0, 0.0)


def test_by_a_higher_bar_what_was_never_asked_is_unknown() -> None:
    report = replayed(rules=OtherRules(bars={"primary": 0.9}))
    assert report.unknown == {"cloud": 15}
    assert (report.unknown_requests.count, report.would_be.asked.count) == (15, 20)
    assert {(one.contestant, one.reason) for one in report.would_be.answers} == {
        ("cloud", "preferred"),
        ("primary", "fallback"),
    }


def test_nothing_is_claimed_of_how_right_but_where_the_truth_is_known() -> None:
    truth = {"boot-20": "2", "boot-16": "9", "boot-1": "1", "boot-99": "1"}
    report = replayed(rules=OtherRules(bars={"primary": 0.5}), truth=truth)
    assert report.judged == 3
    assert report.recorded.right is not None
    assert report.would_be.right is not None
    assert (report.recorded.right.count, report.would_be.right.count) == (2, 2)


def test_each_request_weighs_what_it_stands_for() -> None:
    rare = changed(1, probability=0.1)
    common = changed(2, probability=1.0)
    every = changed(3, probability=0.1, recorded="all")
    report = replayed([rare, common, every], truth={"boot-1": "1", "boot-2": "2"})
    assert (report.replayed, report.stand_for) == (3, 12.0)
    assert report.recorded.right is not None
    assert (report.recorded.right.share, report.recorded.right.unweighted) == (round(10 / 11, 6), 0.5)


def test_a_request_that_a_late_score_spoke_for_stands_for_itself_alone() -> None:
    rare = changed(1, probability=0.1)
    late = [LateRecord(sample="boot-1", contestant="cloud", label="9", elapsed_ms=900.0, differs=True, likelier=10)]
    told = msgspec.structs.replace(rare, late=list(map(encode_record, late)))
    assert (replayed([rare]).stand_for, replayed([told]).stand_for) == (10.0, 1.0)


def test_what_cannot_be_played_is_left_out_by_reason() -> None:
    unreadable = msgspec.structs.replace(lived(9), record=b"\xc1")
    lots = [changed(1, backlog=True), changed(2, policy="0" * 64), changed(3, policy=None), unreadable, lived(5)]
    report = replayed(lots, OtherRules(rules=[Rule(accept="stranger")]))
    assert report.left_out == {"backlog": 1, "no_policy": 2, "rules_do_not_fit": 1, "unreadable": 1}
    assert report.why_left_out["rules_do_not_fit"].startswith("rules[0].accept: no contestant is named 'stranger'")
    assert (report.replayed, report.recorded.p50_ms, report.recorded.at_edge.share) == (0, None, None)


def test_what_a_record_does_not_explain_is_counted_and_shown() -> None:
    told = changed(1)
    record = msgspec.msgpack.decode(told.record)
    record["answer"]["label"] = "8"
    report = replayed([msgspec.structs.replace(told, record=msgspec.msgpack.encode(record))])
    assert report.differs_from_recorded.count == 1
    assert (report.differing[0].recorded.label, report.differing[0].replayed.label) == ("8", "1")


def test_an_answer_that_nobody_was_there_to_take_meets_no_deadline_by_any_rules() -> None:
    told = changed(1)
    record = msgspec.msgpack.decode(told.record)
    record["answer"]["deadline_met"] = False
    report = replayed([msgspec.structs.replace(told, record=msgspec.msgpack.encode(record)), changed(2)])
    assert (report.recorded.deadline_met.count, report.would_be.deadline_met.count) == (1, 1)


def test_what_the_machine_took_besides_is_added_again() -> None:
    told = changed(1)
    record = msgspec.msgpack.decode(told.record)
    record["answer"]["elapsed_ms"] = 12.0  # decided at 5
    slow = msgspec.structs.replace(told, record=msgspec.msgpack.encode(record))
    report = replayed([slow], OtherRules(rules=[Rule(accept="primary")], deadline_ms=11, guard_ms=0))
    assert (report.would_be.p50_ms, report.would_be.deadline_met.count) == (12.0, 0)


def test_the_same_requests_give_the_same_bytes() -> None:
    rules = OtherRules(bars={"primary": 0.9})
    assert msgspec.json.encode(replayed(rules=rules)) == msgspec.json.encode(replayed(rules=rules))


class _Killed(BaseException):
    """The process ended here."""


def killer(at: int) -> Callable[[], None]:
    """Ends the process when the page of that number is asked for."""
    pages = iter(range(at))

    def watch() -> None:
        if next(pages, None) is None:
            raise _Killed

    return watch


@pytest.mark.parametrize("at", range(8))
def test_killed_at_any_page_it_goes_on_and_ends_with_the_same_report(at: int, tmp_path: Path) -> None:
    rules, path, truth = OtherRules(bars={"primary": 0.9}), tmp_path / "state", {"boot-3": "0", "boot-16": "9"}
    whole = msgspec.json.encode(replayed(rules=rules, truth=truth))
    source = MemorySource(REQUESTS, [POLICY], watch=killer(at))
    try:
        report = run_replay(source, Replayer(source, rules), ReplayState(QUESTION, SPAN), truth=truth, path=path)
    except _Killed:
        state = load_state(path, QUESTION) or ReplayState(QUESTION, SPAN)
        assert state.tally.read == at * 3
        source = MemorySource(REQUESTS, [POLICY])
        report = run_replay(source, Replayer(source, rules), state, truth=truth, path=path)
    assert msgspec.json.encode(report) == whole
    done = load_state(path, QUESTION)
    assert done is not None
    nobody = MemorySource([], watch=killer(0))
    assert run_replay(nobody, Replayer(nobody, rules), done, truth=truth) == report


def test_a_state_that_cannot_be_kept_loses_no_page(tmp_path: Path) -> None:
    source = MemorySource(REQUESTS, [POLICY])
    with pytest.raises(OSError, match="No such file"):
        run_replay(source, Replayer(source), ReplayState(QUESTION, SPAN), truth={}, path=tmp_path / "no" / "state")


def test_the_state_of_another_replay_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert load_state(path, QUESTION) is None
    path.write_bytes(msgspec.json.encode(ReplayState(QUESTION, SPAN)))
    assert load_state(path, QUESTION) == ReplayState(QUESTION, SPAN)
    with pytest.raises(StateError, match="of another replay"):
        load_state(path, msgspec.structs.replace(QUESTION, rules="x"))
    for data in (b"", b"{}", b"\xff", path.read_bytes()[:-9]):
        path.write_bytes(data)
        with pytest.raises(StateError, match="no state of a replay"):
            load_state(path, QUESTION)


def test_progress_is_told_by_the_time_that_is_behind() -> None:
    class Watcher:
        def __init__(self) -> None:
            self.told: list[tuple[float, int]] = []

        def moved(self, share: float, requests: int) -> None:
            self.told.append((share, requests))

    watcher = Watcher()
    source = MemorySource(REQUESTS, [POLICY], each=10)
    state = ReplayState(QUESTION, Span(NOON, NOON.replace(second=20)))
    run_replay(source, Replayer(source), state, truth={}, progress=watcher)
    assert watcher.told == [(0.45, 10), (1.0, 20)]


def test_a_policy_is_asked_for_once() -> None:
    source = MemorySource(REQUESTS, [POLICY])
    run_replay(source, Replayer(source), ReplayState(QUESTION, SPAN), truth={})
    assert len(source.asked_for) == 1


def test_nothing_recorded_is_a_report_of_nothing() -> None:
    report = report_of(ReplayState(QUESTION, SPAN).tally, QUESTION, None)
    assert (report.records, report.recorded.answers, report.recorded.asked.share) == (0, [], None)
