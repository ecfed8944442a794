"""The day's byte budget over restarts: a record in the state folder that always says at least what was spent.

It is written by a thread of its own, a share of the day ahead, some dozens of times a day; so neither a crash nor a
loop of them can spend more than the day allows. A crash forfeits what was set aside and not used. There is no wall
clock in it: over a reboot, whose length nobody knows, no time is taken to have passed.
"""

from pathlib import Path
from typing import Final

import msgspec

from roost_edge.asking.budget import HOUR_NS, Budget
from roost_edge.loop.errands import Errands
from roost_edge.loop.reactor import Reactor
from roost_shared.complaints import Complaints
from roost_shared.durable import write_durably
from roost_shared.messages import UNREADABLE, ErrorInfo

__all__ = ["Ledger"]

NAME: Final = "asked.json"
_SHARES: Final = 64  # of a day, set aside one at a time
_LEAST_SHARE_BYTES: Final = 64 << 10
_KERNEL_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_GOODBYE_S: Final = 1.0


class _Record(msgspec.Struct, frozen=True):
    kernel_boot: str  # the monotonic clock's zero point, by name
    hour: int  # of that clock, when this was written
    spent: list[tuple[int, int]]  # hour and bytes


class Ledger:
    """Keeps a budget's record.

    Args:
        state_dir: where it lies.
        bytes_per_day: the limit; 0 for none, and then there is nothing to record.
        reactor: the agent's loop.
        complaints: hears of a record that cannot be read or written.
    """

    def __init__(self, state_dir: Path, bytes_per_day: int, reactor: Reactor, complaints: Complaints) -> None:
        self._path = state_dir / NAME
        self._reactor = reactor
        self._complaints = complaints
        self._share_bytes = max(bytes_per_day // _SHARES, _LEAST_SHARE_BYTES)
        self._errands: Errands | None = None
        self._writing = False
        self.budget = Budget(bytes_per_day)
        if bytes_per_day:
            self._kernel_boot = _KERNEL_BOOT.read_text().strip()
            self.budget = Budget(bytes_per_day, self._read())
            self._errands = Errands(reactor, "asked")
            self._set_aside(self._share_bytes)

    def refusal(self, size_bytes: int, *, unsent: int, unsent_bytes: int) -> ErrorInfo | None:
        """As `Budget.refusal`; what is not set aside yet will be, for the next question."""
        now_ns = self._reactor.now_ns()
        refusal = self.budget.refusal(size_bytes, unsent=unsent, unsent_bytes=unsent_bytes, now_ns=now_ns)
        if refusal is not None and size_bytes > self.budget.reserved_bytes:
            self._set_aside(size_bytes + self._share_bytes)
        return refusal

    def spend(self, size_bytes: int) -> None:
        """A question of this size was sent."""
        self.budget.spend(size_bytes, self._reactor.now_ns())
        if self.budget.reserved_bytes < self._share_bytes // 2:
            self._set_aside(self._share_bytes)

    def close(self) -> None:
        """Record what was really spent: nothing is forfeited by stopping."""
        if self._errands is None:
            return
        errands, self._errands = self._errands, None
        record = self._record(0)
        errands.run(lambda: _write(self._path, record), self._complain)
        errands.close(_GOODBYE_S)

    def _set_aside(self, size_bytes: int) -> None:
        """Set more aside, as far as the day has it; one record is written at a time."""
        free_bytes = self.budget.left_bytes(self._reactor.now_ns()) - self.budget.reserved_bytes
        size_bytes = min(size_bytes, free_bytes)
        if self._errands is None or self._writing or size_bytes <= 0:
            return
        self._writing = True
        # A question sent while this is written is paid out of the old reserve, which the record holds too.
        record = self._record(self.budget.reserved_bytes + size_bytes)

        def written(error: OSError | None) -> None:
            self._writing = False
            self._complain(error)
            if error is None:
                self.budget.reserve(size_bytes)

        self._errands.run(lambda: _write(self._path, record), written)

    def _record(self, reserved_bytes: int) -> _Record:
        now_ns = self._reactor.now_ns()
        spent = dict(self.budget.spent(now_ns))
        hour = now_ns // HOUR_NS
        spent[hour] = spent.get(hour, 0) + reserved_bytes
        return _Record(self._kernel_boot, hour, list(spent.items()))

    def _read(self) -> list[tuple[int, int]]:
        """What earlier boots have spent. A record that cannot be read might say anything, so: all."""
        hour = self._reactor.now_ns() // HOUR_NS
        try:
            record = msgspec.json.decode(self._path.read_bytes(), type=_Record)
        except FileNotFoundError:
            return []
        except (OSError, *UNREADABLE) as error:
            self._complaints.note("budget.unreadable", f"{self._path}: {error}; delete it to ask again today")
            return [(hour, self.budget.bytes_per_day)]
        passed = 0 if record.kernel_boot == self._kernel_boot else hour - record.hour
        return [(then + passed, size_bytes) for then, size_bytes in record.spent]

    def _complain(self, error: OSError | None) -> None:
        if error is not None:
            self._complaints.note("budget.unwritable", f"{self._path}: {error}")


def _write(path: Path, record: _Record) -> OSError | None:
    try:
        write_durably(path, msgspec.json.encode(record))
    except OSError as error:
        return error
    return None
