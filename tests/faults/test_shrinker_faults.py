"""The process that shrinks pictures dies, hangs, is given garbage: each picture ends once, none waits."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roost_edge.loop.reactor import Reactor
from roost_edge.shrinking import protocol
from roost_edge.shrinking.shrinker import LOST, Order, Outcome, Shrinker
from roost_edge.workers import SharedPayload
from roost_shared.clock import MS, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.questions import InputSize
from tests.support.driven import run_until

SIZE = InputSize(20, 32)
LIMITS = InputLimits(image_pixels=1_000_000)


def photo(side: int = 300) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (side, side, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


class Rig:
    """A shrinker with its loop, and what it said of each picture by number."""

    def __init__(self) -> None:
        self.reactor = Reactor(SystemClock())
        self.complaints = Complaints(SystemClock())
        self.shrinker = Shrinker(self.reactor, self.complaints, LIMITS, hung_ns=500 * MS)
        self.heard: dict[int, Outcome] = {}
        self._payloads: list[SharedPayload] = []

    def close(self) -> None:
        self.shrinker.close()
        for payload in self._payloads:
            payload.release()
        self.reactor.close()

    def put(self, payload: bytes) -> Order | None:
        """Give it a picture; None if it does not take it."""
        number, shared = len(self._payloads), SharedPayload(payload)
        self._payloads.append(shared)

        def done(outcome: Outcome) -> None:
            assert number not in self.heard
            self.heard[number] = outcome

        order = Order(shared, SIZE, done)
        return order if self.shrinker.shrink(order) else None

    def until(self, condition: Callable[[], object], what: str) -> None:
        run_until(self.reactor, condition, what, 30)

    def until_taken(self, payload: bytes) -> Outcome:
        """Give it a picture until it takes it, and wait for what it says."""
        taken: list[int] = []

        def take() -> bool:
            if not taken and self.put(payload) is not None:
                taken.append(len(self._payloads) - 1)
            return bool(taken)

        self.until(take, "it is taken")
        (number,) = taken
        self.until(lambda: number in self.heard, "it is done")
        return self.heard[number]

    @property
    def pid(self) -> int:
        assert self.shrinker.pid is not None
        return self.shrinker.pid


@pytest.fixture
def rig() -> Iterator[Rig]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    rig = Rig()
    yield rig
    rig.close()
    assert rig.shrinker.pid is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_it_is_started_by_the_first_picture_and_that_one_does_not_wait_for_it(rig: Rig) -> None:
    assert rig.shrinker.pid is None
    assert rig.put(photo()) is None
    assert rig.pid
    picture = rig.until_taken(photo())
    assert isinstance(picture, bytes)
    assert Image.open(io.BytesIO(picture)).size == (20, 32)


def test_a_killed_process_costs_what_it_had_and_is_started_anew(rig: Rig) -> None:
    rig.until_taken(photo())
    first = rig.pid
    os.kill(first, signal.SIGSTOP)
    taken = [rig.put(photo()) is not None for _ in range(7)]
    assert taken == [True] * 5 + [False] * 2, "one in work, four wait"
    os.kill(first, signal.SIGKILL)
    rig.until(lambda: len(rig.heard) == 6, "all are heard of")
    assert [rig.heard[number] for number in sorted(rig.heard)][1:] == [LOST] * 5
    assert rig.put(photo()) is None, "not at once"
    assert isinstance(rig.until_taken(photo()), bytes)
    assert rig.pid != first
    assert rig.complaints.counts == {"shrink.crashed": 1}


def test_a_process_that_hangs_is_killed(rig: Rig) -> None:
    rig.until_taken(photo())
    os.kill(rig.pid, signal.SIGSTOP)
    assert rig.until_taken(photo()) == LOST
    assert rig.shrinker.pid is None


def test_a_picture_forgotten_in_time_is_not_heard_of(rig: Rig) -> None:
    rig.until_taken(photo())
    orders = [rig.put(photo()) for _ in range(3)]
    for order in orders[:2]:
        assert order is not None
        rig.shrinker.forget(order)
    rig.until(lambda: len(rig.heard) == 2, "the third is done")
    assert isinstance(max(rig.heard.items())[1], bytes)


BAD = {
    "input.bad_image": b"\xff\xd8\xff" + bytes(range(256)) * 40,
    "input.truncated": photo()[:5000],
    "input.too_many_pixels": photo(1100),
    "shrink.nothing_gained": photo(8),
}


def test_garbage_and_bombs_are_refused_by_name_and_the_process_lives_on(rig: Rig) -> None:
    rig.until_taken(photo())
    pid = rig.pid
    for code, payload in BAD.items():
        outcome = rig.until_taken(payload)
        assert isinstance(outcome, ErrorInfo)
        assert outcome.code == code
    assert rig.pid == pid
    assert isinstance(rig.until_taken(photo()), bytes)


NONSENSE: dict[str, Callable[[], tuple[protocol.FromShrinker, list[int]]]] = {
    "no descriptor": lambda: (protocol.Shrunk(100), []),
    "larger than the original": lambda: (protocol.Shrunk(10**9), [os.memfd_create("x")]),
    "shorter than said": lambda: (protocol.Shrunk(100), [os.memfd_create("x")]),
    "a folder": lambda: (protocol.Shrunk(100), [os.open(".", os.O_RDONLY)]),
}


def test_what_the_process_says_is_not_trusted(rig: Rig) -> None:
    """A decoder that foreign bytes have taken over could say anything."""
    rig.until_taken(photo())
    os.kill(rig.pid, signal.SIGSTOP)
    assert rig.put(photo()) is not None
    for nonsense in NONSENSE.values():
        message, descriptors = nonsense()
        with pytest.raises(protocol.ShrinkerProtocolError):
            rig.shrinker._hear(message, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def test_ended_with_its_agent_it_leaves_no_process(rig: Rig) -> None:
    rig.until_taken(photo())
    pid = rig.pid
    rig.shrinker.close()
    assert not Path(f"/proc/{pid}").exists()
