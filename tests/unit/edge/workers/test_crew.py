from typing import Any

import pytest

from roost_edge.workers import protocol
from roost_edge.workers.crew import LATER_INPUTS, Crew, Seat
from roost_edge.workers.gauge import Gauge
from roost_edge.workers.protocol import Done, Failed, Measured
from roost_edge.workers.running_mark import NOBODY
from roost_shared.limits import InputLimits
from roost_shared.payload import UnknownTypeError
from roost_shared.phi import TENSOR
from roost_shared.phi.vector import PhiVector
from roost_shared.runtimes import BadOutputError
from tests.support.fake_crew import FakeBase, FakeHead, FakeMark

NAMES = ("primary", "s1", "s2")


class Stage:
    """A crew of a primary and two shadows, and what it did."""

    def __init__(
        self,
        base_error: Exception | None = None,
        s1_error: Exception | None = None,
        gauge: Gauge | None = None,
    ) -> None:
        self.base = FakeBase(base_error)
        self.mark = FakeMark()
        self.seen: list[tuple[str, bytes]] = []
        errors = {"s1": s1_error}
        seats = {
            name: Seat(number, FakeHead(name, self.seen, errors.get(name)))
            for number, name in enumerate(NAMES, start=1)
        }
        self.crew = Crew(self.base, seats, self.mark, InputLimits(), gauge)

    def take(self, sequence: int, *contestants: str) -> list[tuple[int, str, str]]:
        work = protocol.Work(sequence, list(contestants or NAMES), None, {})
        return [read(packet) for packet in self.crew.take(work, memoryview(b"%d" % sequence))]

    def catch_up(self) -> tuple[int, str, str]:
        return read(self.crew.catch_up())


def read(packet: bytes) -> tuple[int, str, str]:
    """Sequence, contestant, and label or error code."""
    reply = protocol.decode_from_worker(packet)
    assert isinstance(reply, Done | Failed)
    said = reply.scored.label if isinstance(reply, Done) else reply.error.code
    return reply.sequence, reply.contestant, str(said)


def test_the_base_runs_once_for_all_heads_and_the_first_replies_before_the_others_run() -> None:
    stage = Stage()
    assert stage.take(0) == [(0, "primary", "primary")]
    assert stage.seen == [("primary", b"0")]
    assert stage.crew.owes
    assert [stage.catch_up(), stage.catch_up()] == [(0, "s1", "s1"), (0, "s2", "s2")]
    assert stage.base.runs == 1
    with pytest.raises(IndexError):
        stage.catch_up()


def test_a_new_input_goes_before_what_is_owed_for_the_last() -> None:
    stage = Stage()
    stage.take(0)
    assert stage.catch_up() == (0, "s1", "s1")
    assert stage.take(1) == [(1, "primary", "primary")]
    assert [stage.catch_up() for _ in range(3)] == [(0, "s2", "s2"), (1, "s1", "s1"), (1, "s2", "s2")]
    assert stage.seen[1] == ("s1", b"0")
    assert stage.seen[3] == ("s2", b"0"), "each head gets the features of its own input"


def test_who_was_not_asked_does_not_score() -> None:
    stage = Stage()
    assert stage.take(0, "s2") == [(0, "s2", "s2")]
    assert not stage.crew.owes


def test_beyond_the_bound_the_oldest_input_is_given_up_and_says_so() -> None:
    stage = Stage()
    for sequence in range(LATER_INPUTS):
        assert stage.take(sequence) == [(sequence, "primary", "primary")]
    assert stage.take(99) == [
        (99, "primary", "primary"),
        (0, "s1", "worker.overloaded"),
        (0, "s2", "worker.overloaded"),
    ]
    assert stage.catch_up() == (1, "s1", "s1")


def test_what_the_base_cannot_take_fails_for_everyone_at_once() -> None:
    stage = Stage(base_error=UnknownTypeError("what is this"))
    assert stage.take(0) == [(0, name, "input.unknown_type") for name in NAMES]
    assert not stage.crew.owes


def test_a_head_that_errs_costs_its_own_score_only() -> None:
    stage = Stage(s1_error=BadOutputError("not a number"))
    stage.take(0)
    assert [stage.catch_up(), stage.catch_up()] == [(0, "s1", "model.bad_output"), (0, "s2", "s2")]


@pytest.mark.parametrize("error", [None, BadOutputError("nan"), ZeroDivisionError()], ids=repr)
def test_the_mark_says_whose_head_runs_and_nobody_s_while_none_does(error: Exception | None) -> None:
    stage = Stage(s1_error=error)
    stage.take(0)
    assert stage.mark.numbers == [1, NOBODY]
    stage.catch_up()
    assert stage.mark.numbers[2:] == [2, NOBODY]


def measured(stage: Stage, sequence: int) -> list[str]:
    """What is said at once of an input, in order."""
    work = protocol.Work(sequence, list(NAMES), None, {})
    packets = stage.crew.take(work, memoryview(b"%d" % sequence))
    return [type(protocol.decode_from_worker(packet)).__name__ for packet in packets]


def test_an_input_is_measured_once_and_after_its_answering_head_has_replied() -> None:
    seen: list[str] = []

    def measure(prepared: list[Any], _features: list[Any]) -> list[float]:
        seen.append("phi")
        return [float(len(prepared))]

    stage = Stage(gauge=Gauge(TENSOR, 7, measure))
    work = protocol.Work(0, list(NAMES), None, {})
    packets = stage.crew.take(work, memoryview(b"0"))
    assert isinstance(protocol.decode_from_worker(next(packets)), Done)
    assert seen == [], "the answer has left before"
    told = protocol.decode_from_worker(next(packets))
    assert isinstance(told, Measured)
    assert told.phi == PhiVector(TENSOR.number, 7, [1.0])
    assert next(packets, None) is None
    assert [stage.catch_up(), stage.catch_up()] == [(0, "s1", "s1"), (0, "s2", "s2")]
    assert seen == ["phi"]


def test_what_cannot_be_measured_is_said_and_costs_no_score() -> None:
    def broken(_prepared: list[Any], _features: list[Any]) -> list[float]:
        raise ZeroDivisionError

    stage = Stage(gauge=Gauge(TENSOR, 7, broken))
    packets = list(stage.crew.take(protocol.Work(0, ["primary"], None, {}), memoryview(b"0")))
    done, told = (protocol.decode_from_worker(packet) for packet in packets)
    assert isinstance(done, Done)
    assert isinstance(told, Measured)
    assert told.error is not None
    assert told.error.code == protocol.FAULT


def test_of_a_base_that_fails_nothing_is_measured() -> None:
    stage = Stage(base_error=UnknownTypeError("what is this"), gauge=Gauge(TENSOR, 7, lambda _, __: [1.0]))
    assert measured(stage, 0) == ["Failed"] * 3


def test_inputs_are_measured_as_often_as_the_time_of_inference_pays_for() -> None:
    now_ns = 0

    def costly(_prepared: list[Any], _features: list[Any]) -> list[float]:
        nonlocal now_ns
        now_ns += 20_000
        return [1.0]

    gauge = Gauge(TENSOR, 7, costly, lambda: now_ns)
    looks: list[bytes] = []
    for _ in range(1000):
        now_ns += 100_000
        looks += [gauge.look([], []) for _ in range(gauge.budget.earn(100_000, now_ns))]
    assert len(looks) == 100, "2 % of 100 ms are 2 ms, a hundred of 20 µs"
