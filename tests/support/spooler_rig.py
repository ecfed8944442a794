"""A spooler with its loop and its process, and what it said of each order."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import msgspec

from roost_edge.loop.reactor import Reactor
from roost_edge.spooler.settings import SpoolerSettings
from roost_edge.spooler.spooler import Spooler
from roost_edge.workers import SharedPayload
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.records import Batch, Record, SampleRecord, decode_msgpack, encode_record
from tests.support.driven import run_until

__all__ = ["SpoolerRig", "answer_of"]

MIB = 1 << 20


def answer_of(label: str = "4", task: str = "meter") -> Answer:
    return Answer(
        id="1",
        task=task,
        label=label,
        confidence=0.9,
        top=[(label, 0.9)],
        output=None,
        contestant="a",
        bundle="meter:1",
        reason="preferred",
        deadline_met=True,
        elapsed_ms=3.0,
        candidates=[],
        received_at="2026-11-30T00:00:00+00:00",
    )


class SpoolerRig:
    """Give it inputs; `outcomes` says by sample what became of them."""

    def __init__(
        self,
        folder: Path,
        boot: str = "b1",
        *,
        spool_bytes: int = 64 * MIB,
        room_bytes: int = MIB,
        cloud_url: str | None = None,
        upload_after_s: float = 3600,
    ) -> None:
        self.reactor = Reactor(SystemClock())
        self.complaints = Complaints(SystemClock())
        self.boot = boot
        self.folder = folder
        settings = SpoolerSettings(
            state_dir=str(folder),
            boot=boot,
            cloud_url=cloud_url,
            spool_bytes=spool_bytes,
            free_disk_bytes=0,
            retention_s=3600,
            uplink_bytes_per_s=None,
            upload_after_s=upload_after_s,
        )
        document = msgspec.json.encode(settings).decode()
        self.spooler = Spooler(document, self.reactor, self.complaints, room_bytes=room_bytes)
        self.spooler.outgoing = self._outgoing
        self.batches: list[Batch] = []
        self.outcomes: dict[str, ErrorInfo | None] = {}
        self._count = count(1)

    def start(self) -> None:
        self.spooler.start()

    def keep(
        self, data: bytes, *, priority: int = 0, redelivered: bool = False, correlation: str = "", sample: str = ""
    ) -> str | None:
        """Have an input kept; its sample, None if there is no room."""
        sample = sample or f"{self.boot}-{next(self._count)}"
        record = SampleRecord(sample=sample, answer=answer_of(), kept_for=["base_rate"], probability=0.5)
        with SharedPayload(data) as payload:
            taken = self.spooler.keep(
                record,
                payload,
                lambda error: self._done(sample, error),
                priority=priority,
                content_type="image/png",
                correlation=correlation,
                redelivered=redelivered,
            )
        return sample if taken else None

    def note(self, record: Record) -> bool:
        """Have a record kept; whether there was room."""
        name = f"note {next(self._count)}"
        return self.spooler.note(encode_record(record), lambda error: self._done(name, error))

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = 30) -> None:
        run_until(self.reactor, condition, what, timeout_s)

    def until_settled(self) -> None:
        self.until(lambda: not self.spooler.unsettled, "all is settled")

    def until_outcomes(self, count: int) -> None:
        self.until(lambda: len(self.outcomes) >= count, f"{count} are settled")

    def until_gone(self, pid: int) -> None:
        self.until(lambda: self.spooler.pid != pid, "the process is gone")

    def stop(self) -> None:
        stopped: list[bool] = []
        self.spooler.stop(10 * SECOND, lambda: stopped.append(True))
        self.until(lambda: stopped, "it has stopped")
        self.close()

    def close(self) -> None:
        self.spooler.close()
        self.reactor.close()

    def records(self) -> Iterator[bytes]:
        for batch in self.batches:
            yield from batch.records

    def _done(self, sample: str, error: ErrorInfo | None) -> None:
        assert sample not in self.outcomes, "an order is settled once"
        self.outcomes[sample] = error

    def _outgoing(self, batch: bytes) -> None:
        self.batches.append(decode_msgpack(batch, Batch))
