"""The spool: keeps inputs and records on the disk until the cloud has them, within its limits.

One thread owns it. `append` returns when what it kept is durable: bytes first, into a segment; then one transaction
for the index and the outbox. What is refused leaves nothing behind but a count. See the package for the picture.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from roost_edge.spool import entries, outbox
from roost_edge.spool.admission import Admission, Candidate, refusal
from roost_edge.spool.dedupe import forget_digests, keep_digest, mark_matched
from roost_edge.spool.disk import Disk
from roost_edge.spool.errors import SpoolError, SpoolFullError, unwritable
from roost_edge.spool.index import connect, reading, transaction
from roost_edge.spool.interface import NewEntry, Note, Outcome, SpoolReader
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.opening import INDEX, SEGMENTS, lock_folder, open_index, put_in_order
from roost_edge.spool.raises import Raises
from roost_edge.spool.reader import Reader
from roost_edge.spool.rebuilding import rebuild, take_up_tails
from roost_edge.spool.room import Room
from roost_edge.spool.running_time import RunningTime
from roost_edge.spool.segments import Place, Segments
from roost_edge.spool.tally import Held, Tally
from roost_edge.spool.teller import Teller
from roost_edge.spool.upkeep import Upkeep
from roost_shared.records import Batch

__all__ = ["Spool"]


class Spool:
    """The spool of one folder.

    Args:
        folder: made if missing.
        boot: of the agent: its records are counted by it.
        limits: how much it may take.
        now_ns: the monotonic clock now, as in all that follows; wall clocks play no part.
        disk: what writes segments.

    Raises:
        SpoolBusyError: another process has it.
        SpoolError: it cannot be used.
    """

    def __init__(self, folder: Path, boot: str, limits: SpoolLimits, now_ns: int, disk: Disk | None = None) -> None:
        self._folder = folder
        self._limits = limits
        self._disk = disk or Disk()
        self._tally = Tally()
        self._raises = Raises()
        self._lock, self._is_first = lock_folder(folder)
        try:
            self._open(boot, now_ns)
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, boot: str, now_ns: int) -> None:
        try:
            self._segments = Segments(self._folder / SEGMENTS, self._disk, self._limits.segment_bytes)
        except OSError as error:
            raise unwritable(error) from error
        self._connection, is_whole = open_index(self._folder)
        try:
            self._fill(boot, is_whole=is_whole)
        except BaseException:
            self._connection.close()
            raise
        with reading():
            (time_s,) = self._connection.execute(
                "SELECT max(time_s, coalesce((SELECT max(time_s) FROM entry), 0)) FROM state"
            ).fetchone()
        self._running = RunningTime(time_s)
        self._time_s = self._running.at(now_ns)
        self._room = Room(self._connection, self._segments, self._tally, self._boot)
        self._upkeep = Upkeep(self._connection, self._segments, self._tally, self._boot)
        self._teller = Teller(self._connection, self._segments, self._tally, self._limits.outbox_bytes)

    def _fill(self, boot: str, *, is_whole: bool) -> None:
        is_lost = not is_whole and not self._is_first
        with transaction(self._connection):
            # After a loss nobody knows which sequences of this boot the cloud has: they are counted under a new name.
            name = f"{boot}_{os.urandom(4).hex()}" if is_lost else outbox.latest_name(self._connection, boot)
            self._boot = outbox.boot_number(self._connection, name)
        if not is_whole:
            try:
                self._tally.happened("rebuilt", rebuild(self._connection, self._segments, self._boot))
            except OSError as error:
                raise unwritable(error) from error
        else:
            self._tally.happened("rebuilt", take_up_tails(self._connection, self._segments, self._boot))
        put_in_order(self._connection, self._segments, self._tally, self._boot)

    def close(self) -> None:
        """Let another process have it."""
        self._segments.close()
        self._connection.close()
        os.close(self._lock)

    def reader(self) -> SpoolReader:
        """The spool for another thread, which must be the one that calls this."""
        return Reader(
            connect(self._folder / INDEX),
            self._segments,
            self._tally,
            self._boot,
            sealed_limit_bytes=int(self._limits.quota_bytes * self._limits.sealed_share),
            time_s=lambda: self._time_s,
        )

    def describe(self) -> dict[str, Any]:
        """What it holds, and what became of the rest since the start."""
        return self._tally.describe()

    # ---- keeping

    def append(self, new: Sequence[NewEntry], notes: Sequence[Note] = (), *, now_ns: int) -> list[Outcome]:
        """Keep entries, and put records into the outbox; what is said to be kept is durable.

        Args:
            new: entries, in order of receipt.
            notes: records that belong to none of them.
            now_ns: the monotonic clock.

        Returns:
            What became of each entry, in their order. If notes cannot be kept they are counted, as `outbox_lost`.
        """
        self._time_s = self._running.at(now_ns)
        try:
            admission = Admission(self._connection, self._boot, new)
            self._admit(admission)
            self._keep(admission, notes)
        except SpoolError as error:
            self._tally.happened("outbox_lost", len(notes))
            outcomes = [Outcome(sample=entry.sample, error=refusal(error)) for entry in new]
        else:
            outcomes = admission.outcomes()
        for outcome in outcomes:
            if outcome.error is not None:
                self._tally.refused(outcome.error.code, 1)
        return outcomes

    def note(self, notes: Sequence[Note], *, now_ns: int) -> None:
        """Put records into the outbox, durably.

        Raises:
            SpoolError: they could not be kept; they are counted.
        """
        self._time_s = self._running.at(now_ns)
        try:
            with transaction(self._connection):
                grown_bytes = outbox.put(self._connection, self._boot, notes)
        except SpoolError:
            self._tally.happened("outbox_lost", len(notes))
            raise
        self._tally.outbox_grew(grown_bytes)
        self._squeeze()

    def raise_priority(self, sample: str, priority: int, likelier: float = 1.0) -> None:
        """What was kept turned out to be worth more. It is written with what comes next, at the latest by `tick`.

        Args:
            sample: it.
            priority: that it has from now on, if it is higher than its own.
            likelier: by how much likelier than was said it was to be kept.
        """
        self._raises.add(sample, priority, likelier)

    def _admit(self, admission: Admission) -> None:
        """Find room for what is new, for the most valuable first; what finds none is refused."""
        taken_bytes = 0
        for candidate in sorted(admission.candidates, key=lambda one: -one.entry.priority):
            needed_bytes = taken_bytes + candidate.frame.padded_bytes
            if needed_bytes > self._room_bytes():
                self._make_room(needed_bytes, highest=candidate.entry.priority)
            if needed_bytes > self._room_bytes():
                admission.refuse(candidate, SpoolFullError("the spool is full of what is worth no less"))
            else:
                taken_bytes = needed_bytes

    def _make_room(self, needed_bytes: int, *, highest: int) -> None:
        """Thin for what comes in and for more after it. Where no holes can be punched, only `tick` frees disk."""
        limits = self._limits
        if self._segments.punches or self._disk_room_bytes() >= needed_bytes:
            surplus_bytes = self._tally.entry_bytes - int(limits.thin_to * limits.quota_bytes)
            self._room.make(max(needed_bytes - self._room_bytes(), surplus_bytes), highest=highest)

    def _room_bytes(self) -> int:
        """What may still be written."""
        return min(self._limits.quota_bytes - self._tally.entry_bytes, self._disk_room_bytes())

    def _disk_room_bytes(self) -> int:
        try:
            return self._disk.free_bytes(self._folder) - self._limits.reserve_bytes
        except OSError as error:
            raise unwritable(error) from error

    def _keep(self, admission: Admission, notes: Sequence[Note]) -> None:
        candidates = admission.candidates
        if not (candidates or notes or admission.matched):
            return
        try:
            places = self._segments.append([one.frame for one in candidates]) if candidates else []
        except OSError as error:
            raise unwritable(error) from error
        try:
            with transaction(self._connection):
                self._write_rows(candidates, places)
                mark_matched(self._connection, self._boot, admission.matched, self._time_s)
                grown_bytes = outbox.put(self._connection, self._boot, notes)
                raised = self._raises.write(self._connection)
        except SpoolError:
            self._segments.take_back(places)
            raise
        self._raises.written(raised, self._tally)
        self._tally.added(
            Held(place, one.entry.priority, sealed=False) for one, place in zip(candidates, places, strict=True)
        )
        self._tally.outbox_grew(grown_bytes)
        self._tally.happened("kept", len(candidates))
        self._tally.happened("groups", min(len(candidates), 1))  # made durable together
        self._tally.happened("matched", len(admission.matched))
        if notes:
            self._squeeze()

    def _squeeze(self) -> None:
        """What was put in is kept, whether or not the rest can be made smaller; `tick` says so if it cannot."""
        with contextlib.suppress(SpoolError):
            self._teller.squeeze()

    def _write_rows(self, candidates: Sequence[Candidate], places: Sequence[Place]) -> None:
        first = outbox.last_sequence(self._connection, self._boot) + 1
        for sequence, (one, place) in enumerate(zip(candidates, places, strict=True), start=first):
            entry = one.entry
            number = entries.insert(self._connection, entry, place, self._time_s, self._boot, sequence)
            outbox.put_entry(self._connection, self._boot, sequence, number, base_rate=entry.priority == 0)
            keep_digest(self._connection, self._boot, entry.sample, one.digest, self._time_s)

    # ---- telling the cloud

    def link_up(self, now_ns: int) -> None:
        """There is a new link to the cloud: records are sent from the watermark on."""
        self._teller.link_up(now_ns)

    def link_down(self) -> None:
        """There is none."""
        self._teller.link_down()

    def next_batch(self, now_ns: int) -> Batch | None:
        """The records to send now; see `Teller`."""
        return self._teller.next_batch(now_ns)

    def next_look_ns(self) -> int | None:
        """When `next_batch` may have something again by time alone; see `Teller`."""
        return self._teller.next_look_ns()

    def watermark(self, boot: str, sequence: int, now_ns: int) -> None:
        """The cloud has this boot's records up to this one; see `Teller`."""
        self._teller.watermark(boot, sequence, now_ns)

    # ---- from time to time

    def pass_time(self, now_ns: int) -> None:
        """Let what is kept grow older; ages reach `reader` by this, so it is to be called about once a second."""
        self._time_s = self._running.at(now_ns)

    def tick(self, now_ns: int) -> None:
        """Let go what is too old, make room, tidy up. To be called about once a minute.

        Raises:
            SpoolError: the disk does not let us; what was done before stays done.
        """
        self._time_s = self._running.at(now_ns)
        self._upkeep.expire(self._time_s, self._limits.age_s)
        self._thin()
        self._teller.squeeze()
        self._upkeep.tidy()
        with transaction(self._connection):
            raised = self._raises.write(self._connection)
            forget_digests(self._connection, self._time_s)
            outbox.forget_boots(self._connection, self._boot)
            self._connection.execute("UPDATE state SET time_s = ?", (self._time_s,))
        self._raises.written(raised, self._tally)

    def _thin(self) -> None:
        limits, used_bytes = self._limits, self._tally.entry_bytes
        surplus_bytes = 0
        if used_bytes > limits.thin_at * limits.quota_bytes:
            surplus_bytes = used_bytes - int(limits.thin_to * limits.quota_bytes)
        missing_bytes = -self._disk_room_bytes()
        if missing_bytes > 0:
            missing_bytes -= self._upkeep.dead_bytes()  # these are freed without any loss
        self._room.make(max(surplus_bytes, missing_bytes))
