"""The monitor: what is in the windows of a task, when they end, and what becomes of their records."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from roost_edge.decoy.interface import Done
from roost_edge.monitor.config import MonitorConfig
from roost_edge.monitor.monitor import Monitor
from roost_edge.tasks.task import Task
from roost_shared.clock import MS, SECOND
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo, Reason
from roost_shared.phi.vector import PhiVector
from roost_shared.records import WindowRecord, decode_record
from roost_shared.rendezvous import Answer, Contestant, Late, Request, Rule, Score, Seen, TaskPolicy
from roost_shared.sketches import (
    SKETCHES,
    ConfidenceHistogram,
    Disagreements,
    LabelCounts,
    LabelSpace,
    LatencyHistogram,
    Moments,
    ReasonCounts,
)
from tests.support.virtual_reactor import VirtualReactor

POLICY = TaskPolicy(
    task="meter",
    contestants=[Contestant(name="a"), Contestant(name="b"), Contestant(name="shadow", role="shadow")],
    rules=[Rule(accept="a"), Rule(accept="b", after_ms=50)],
    deadline_ms=300,
)
LABELS = frozenset(["3", "4", "unknown"])
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BUNDLES = {"a": "meter:1@sha256:aa", "b": "meter:0@sha256:bb"}


class FakeKeeper:
    """Has room until a test says otherwise, and hears of the disk what a test says."""

    def __init__(self) -> None:
        self.records: list[WindowRecord] = []
        self.has_room = True
        self.error: ErrorInfo | None = None

    def note(self, record: bytes, done: Done) -> bool:
        if self.has_room:
            read = decode_record(record)
            assert isinstance(read, WindowRecord)
            self.records.append(read)
            done(self.error)
        return self.has_room


class FakeClock:
    """Wall time that goes with a reactor's."""

    def __init__(self, reactor: VirtualReactor) -> None:
        self._reactor = reactor

    def now_ns(self) -> int:
        return self._reactor.now

    def wall(self) -> datetime:
        return NOON + timedelta(microseconds=self._reactor.now // 1000)


class Site:
    """A monitor of one task."""

    def __init__(self, **config: Any) -> None:
        self.reactor = VirtualReactor()
        clock = FakeClock(self.reactor)
        self.keeper = FakeKeeper()
        self.complaints = Complaints(clock)
        self.task = Task(POLICY, workers={}, refused={}, bundles=BUNDLES, unsigned=False, labels=LABELS)
        self.monitor = Monitor(
            {"meter": MonitorConfig(**config)}, self.keeper, self.reactor.as_reactor(), clock, self.complaints
        )

    def answer(
        self, *scores: Score, reason: Reason = "preferred", elapsed_ms: int = 5, in_time: bool = True
    ) -> Answer:
        """An answer, the first score's, or the default."""
        seen = tuple(Seen(score.contestant, (place + 1) * MS, score) for place, score in enumerate(scores))
        request = Request("r", self.reactor.now - elapsed_ms * MS)
        answer = Answer(request, reason, scores[0] if scores else None, seen, elapsed_ms * MS)
        self.monitor.answered(self.task, answer, in_time=in_time)
        return answer

    def minute(self) -> dict[str | None, WindowRecord]:
        """Let the windows end; those that did, by contestant."""
        del self.keeper.records[:]
        self.reactor.advance(self.reactor.now + 60 * SECOND)
        return self.ended()

    def ended(self) -> dict[str | None, WindowRecord]:
        assert len({record.contestant for record in self.keeper.records}) == len(self.keeper.records)
        return {record.contestant: record for record in self.keeper.records}


def said(contestant: str, label: str = "4", confidence: float | None = 0.9, bundle: str | None = None) -> Score:
    return Score(contestant, label, confidence, bundle=bundle or BUNDLES.get(contestant))


def read(window: WindowRecord) -> dict[str, Any]:
    return {name: SKETCHES[name].from_bytes(data) for name, data in window.sketches.items()}


def phi(*values: float, source: int = 7) -> PhiVector:
    return PhiVector(1, source, list(values))


def test_a_minute_s_answers_and_scores_are_told_in_a_window_each() -> None:
    site = Site()
    site.answer(said("a"), said("b", "3", 0.6))
    site.answer(said("a"), said("b"))
    site.answer(reason="deadline", elapsed_ms=305, in_time=False)
    ended = site.minute()
    assert {name: (one.count, one.bundle, one.seconds) for name, one in ended.items()} == {
        None: (3, None, 60.0),
        "a": (2, BUNDLES["a"], 60.0),
        "b": (2, BUNDLES["b"], 60.0),
    }
    assert ended[None].started_at == "2026-11-30T12:00:00.000+00:00"
    answers, a, b = (read(ended[name]) for name in (None, "a", "b"))
    space = LabelSpace(LABELS)
    assert cast("LabelCounts", answers["labels"]).space == space.digest
    assert cast("LabelCounts", answers["labels"]).counts[space.slot("4")] == 2
    assert cast("LabelCounts", answers["labels"]).counts[LabelCounts.OTHER] == 1
    assert cast("ReasonCounts", answers["reasons"]).by_reason()["deadline"] == 1
    assert cast("LatencyHistogram", answers["latency"]).total == 3
    assert cast("ConfidenceHistogram", answers["confidence"]).total == 2
    assert cast("Disagreements", a["disagreements"]).of("b") == (2, 1)
    assert cast("Disagreements", b["disagreements"]).of("a") == (2, 1)
    assert cast("LabelCounts", b["labels"]).counts[space.slot("3")] == 1
    assert cast("ReasonCounts", a["reasons"]).by_reason()["preferred"] == 2  # the answers that it gave
    assert "reasons" not in b
    assert {name: one.missed for name, one in ended.items()} == {None: 1, "a": None, "b": None}


def test_what_comes_late_counts_for_its_contestant_and_is_compared_with_those_before_it() -> None:
    site = Site()
    answer = site.answer(said("a"))
    site.reactor.advance(40 * MS)
    site.monitor.late(site.task, Late(answer.request, said("shadow", "3"), differs=True), answer)
    ended = site.minute()
    assert (ended["shadow"].count, ended[None].count) == (1, 1)
    assert cast("Disagreements", read(ended["shadow"])["disagreements"]).of("a") == (1, 1)
    assert cast("Disagreements", read(ended["a"])["disagreements"]).of("shadow") == (1, 1)
    latency = cast("LatencyHistogram", read(ended["shadow"])["latency"]).quantile(0.5)
    assert latency == pytest.approx(45, rel=0.25)


def test_phi_is_told_for_each_contestant_that_saw_the_input_so() -> None:
    site = Site()
    site.monitor.measured(site.task, ("a", "b"), phi(1.0, 2.0))
    site.monitor.measured(site.task, ("a", "b"), phi(3.0, 2.0))
    site.answer(said("a"))
    ended = site.minute()
    for name, count in (("a", 1), ("b", 0)):
        moments = cast("Moments", read(ended[name])["phi"])
        assert (moments.count, moments.means, moments.source) == (2, [2.0, 2.0], 7)
        assert ended[name].count == count
    assert "phi" not in ended[None].sketches


def test_silence_is_told_of_too() -> None:
    site = Site()
    ended = site.minute()
    assert {name: (one.count, one.sketches) for name, one in ended.items()} == {None: (0, {})}
    assert site.minute()[None].started_at == "2026-11-30T12:01:00.000+00:00"


def test_with_answers_enough_windows_end_before_their_time_and_not_in_the_answer_s_way() -> None:
    site = Site(window_inputs=3)
    site.reactor.advance(10 * SECOND)
    for _ in range(3):
        site.answer(said("a"))
    assert site.keeper.records == []
    site.reactor.advance(site.reactor.now)
    assert {name: (one.count, one.seconds) for name, one in site.ended().items()} == {None: (3, 10.0), "a": (3, 10.0)}
    del site.keeper.records[:]
    site.reactor.advance(69 * SECOND)
    assert site.keeper.records == []
    site.reactor.advance(70 * SECOND)
    assert site.ended()[None].seconds == 60.0


def test_a_contestant_with_another_bundle_begins_another_window_and_the_task_s_goes_on() -> None:
    site = Site()
    site.answer(said("a"))
    site.reactor.advance(20 * SECOND)
    site.answer(said("a", bundle="meter:2@sha256:cc"))
    site.answer(said("a", bundle="meter:2@sha256:cc"))
    site.reactor.advance(60 * SECOND)
    windows = [(one.contestant, one.bundle, one.count, one.seconds, one.started_at) for one in site.keeper.records]
    assert windows == [
        ("a", BUNDLES["a"], 1, 20.0, "2026-11-30T12:00:00.000+00:00"),
        (None, None, 3, 60.0, "2026-11-30T12:00:00.000+00:00"),
        ("a", "meter:2@sha256:cc", 2, 40.0, "2026-11-30T12:00:20.000+00:00"),
    ]


def test_phi_of_another_source_begins_another_window() -> None:
    site = Site()
    for source in (7, 8):
        site.monitor.measured(site.task, ("a",), phi(1.0, source=source))
    site.reactor.advance(60 * SECOND)
    sources = [cast("Moments", read(one)["phi"]).source for one in site.keeper.records if one.contestant is not None]
    assert sources == [7, 8]


def test_bundles_that_take_turns_end_windows_and_nothing_grows() -> None:
    site = Site()
    for number in range(400):
        site.answer(said("a", bundle=f"meter:{number % 2}@sha256:00"))
        site.reactor.advance(site.reactor.now)
    site.reactor.advance(60 * SECOND)
    scored = [one.count for one in site.keeper.records if one.contestant == "a"]
    assert sum(scored) == 400
    assert sum(one.count for one in site.keeper.records if one.contestant is None) == 400


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (float("inf"), 1.0), (1e30, 1.0)])
def test_phi_that_is_no_number_is_counted_and_spoils_nothing(values: Sequence[float]) -> None:
    site = Site()
    site.monitor.measured(site.task, ("a",), phi(1.0, 2.0))
    site.monitor.measured(site.task, ("a",), phi(*values))
    assert site.monitor.describe()["unmeasurable"] == 1
    assert site.complaints.counts["sketch.unmeasurable"] == 1
    assert cast("Moments", read(site.minute()["a"])["phi"]).means == [1.0, 2.0]


def test_an_input_that_could_not_be_measured_is_counted_by_its_reason() -> None:
    site = Site()
    site.monitor.measured(site.task, ("a",), ErrorInfo("worker.fault", "ZeroDivisionError"))
    assert site.monitor.describe()["unmeasurable"] == 1
    assert site.complaints.counts["worker.fault"] == 1
    assert "a" not in site.minute()


def test_a_task_that_is_not_watched_has_no_windows() -> None:
    site = Site()
    site.task = Task(
        TaskPolicy(task="other", contestants=[Contestant(name="a")], rules=[Rule(accept="a")], deadline_ms=300),
        workers={},
        refused={},
        bundles={},
        unsigned=False,
    )
    answer = site.answer(said("a"))
    site.monitor.late(site.task, Late(answer.request, said("b"), differs=False), answer)
    site.monitor.measured(site.task, ("a",), phi(1.0))
    assert {name: one.count for name, one in site.minute().items()} == {None: 0}


def test_when_the_agent_stops_open_windows_are_kept_and_no_more_come() -> None:
    site = Site()
    site.reactor.advance(10 * SECOND)
    site.answer(said("a"))
    site.monitor.finish()
    assert {name: one.seconds for name, one in site.ended().items()} == {None: 10.0, "a": 10.0}
    site.reactor.advance(300 * SECOND)
    assert len(site.keeper.records) == 2


def test_windows_that_found_no_room_come_with_the_next_that_do_in_order() -> None:
    site = Site()
    site.keeper.has_room = False
    for _ in range(3):
        site.answer(said("a"))
        site.reactor.advance(site.reactor.now + 60 * SECOND)
    assert site.monitor.describe()["waiting"] == 6
    site.keeper.has_room = True
    site.reactor.advance(240 * SECOND)
    started = [one.started_at[14:16] for one in site.keeper.records]
    assert started == ["00", "00", "01", "01", "02", "02", "03"]
    assert site.monitor.describe() == {"windows": 7, "waiting": 0}


def test_of_windows_that_never_find_room_the_oldest_are_lost_and_counted() -> None:
    site = Site()
    site.keeper.has_room = False
    site.reactor.advance(300 * 60 * SECOND)
    assert site.monitor.describe() == {"windows": 300, "windows_lost": 44, "waiting": 256}
    assert site.complaints.counts["monitor.overloaded"] == 44


def test_a_window_that_the_disk_refuses_is_counted_and_named() -> None:
    site = Site()
    site.keeper.error = ErrorInfo("spool.full", "there is no room")
    site.minute()
    assert site.monitor.describe()["windows_lost"] == 1
    assert site.complaints.counts["spool.full"] == 1
