"""Every record reaches the cloud, in order, over a link that loses, repeats and restarts, and over restarts of ours.

The model is the plainest one: a list of records by boot, and a cloud that takes what follows its watermark.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roost_edge.spool.interface import Note
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import MAX_BATCH_BYTES, Batch

LIMITS = SpoolLimits(reserve_bytes=0)


class OutboxMachine(RuleBasedStateMachine):
    """A spool, a link in both directions, and a cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.boot = 0
        self.now_ns = 0
        self.written: dict[str, list[bytes]] = {"boot0": []}
        self.stored: dict[str, list[bytes]] = {}
        self.up: list[Batch] = []
        self.down: list[tuple[str, int]] = []
        self.spool = Spool(self.folder, "boot0", LIMITS, 0)
        self.spool.link_up(0)

    def teardown(self) -> None:
        self.everything_arrives_once_the_link_holds()
        self.spool.close()
        shutil.rmtree(self.folder)

    @rule(sizes=st.lists(st.sampled_from([1, 300, 50_000, MAX_BATCH_BYTES + 1]), min_size=1, max_size=6))
    def write(self, sizes: list[int]) -> None:
        mine = self.written[f"boot{self.boot}"]
        records = [f"{self.boot} {len(mine) + number} ".encode().ljust(size) for number, size in enumerate(sizes)]
        mine += records
        self.spool.note([Note(record=record) for record in records], now_ns=self.now_ns)

    @rule()
    def send(self) -> None:
        batch = self.spool.next_batch(self.now_ns)
        if batch is not None:
            size_bytes = sum(map(len, batch.records))
            assert size_bytes <= MAX_BATCH_BYTES or len(batch.records) == 1
            self.up.append(batch)

    @precondition(lambda self: self.up)
    @rule(repeat=st.booleans())
    def a_batch_arrives(self, repeat: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        batch = self.up[0] if repeat else self.up.pop(0)
        stored = self.stored.setdefault(batch.boot, [])
        assert batch.oldest <= batch.first
        if batch.first <= len(stored) + 1:
            stored += batch.records[len(stored) + 1 - batch.first :]
        self.down.append((batch.boot, len(stored)))

    @precondition(lambda self: self.up)
    @rule()
    def a_batch_is_lost(self) -> None:
        self.up.pop(0)

    @precondition(lambda self: self.down)
    @rule(repeat=st.booleans())
    def a_watermark_arrives(self, repeat: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        boot, sequence = self.down[0] if repeat else self.down.pop(0)
        self.spool.watermark(boot, sequence, self.now_ns)

    @precondition(lambda self: self.down)
    @rule()
    def a_watermark_is_lost(self) -> None:
        self.down.pop(0)

    @rule(seconds=st.integers(1, 60))
    def time_goes_by(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @rule()
    def the_link_breaks_and_comes_back(self) -> None:
        self.spool.link_down()
        assert self.spool.next_batch(self.now_ns) is None
        self.up.clear()
        self.spool.link_up(self.now_ns)

    @rule(same_boot=st.booleans())
    def the_spooler_starts_again(self, same_boot: bool) -> None:  # noqa: FBT001 - Hypothesis passes by name
        self.spool.close()
        self.boot += not same_boot
        self.written.setdefault(f"boot{self.boot}", [])
        self.spool = Spool(self.folder, f"boot{self.boot}", LIMITS, self.now_ns)
        self.spool.link_up(self.now_ns)

    @invariant()
    def the_cloud_has_a_beginning_of_what_was_written(self) -> None:
        for boot, stored in self.stored.items():
            assert stored == self.written[boot][: len(stored)]

    def everything_arrives_once_the_link_holds(self) -> None:
        self.the_link_breaks_and_comes_back()
        for _ in range(10_000):
            self.send()
            if not self.up:
                break
            self.a_batch_arrives(repeat=False)
            while self.down:
                self.a_watermark_arrives(repeat=False)
        assert {boot: records for boot, records in self.written.items() if records} == {
            boot: records for boot, records in self.stored.items() if records
        }
        assert self.spool.describe()["outbox_bytes"] == 0


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
