"""What becomes of the entries of one append before anything is written: known, recognised, invalid, or to be kept."""

import hashlib
import sqlite3
from collections.abc import Sequence

import msgspec

from roost_edge.spool import entries
from roost_edge.spool.dedupe import digest_of, match_redelivered, recognised
from roost_edge.spool.errors import EntryInvalidError
from roost_edge.spool.frame import Frame, make_frame
from roost_edge.spool.index import reading
from roost_edge.spool.interface import NewEntry, Outcome
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo, MessageError
from roost_shared.records import SampleRecord, decode_record

__all__ = ["Admission", "Candidate", "refusal"]


class Candidate(msgspec.Struct, frozen=True):
    """An entry that is new, and its frame."""

    position: int  # in the append
    entry: NewEntry
    digest: bytes
    frame: Frame


def refusal(error: RoostError) -> ErrorInfo:
    """An error as an outcome tells it."""
    return ErrorInfo(error.code, str(error))


class Admission:
    """The entries of one append.

    Args:
        connection: to the index.
        boot: the present one; entries of earlier ones may come again.
        new: the entries.

    Attributes:
        candidates: those still to be kept, in order.
        matched: rows of digests that have been recognised, and the name by which they came.

    Raises:
        SpoolError: the index cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection, boot: int, new: Sequence[NewEntry]) -> None:
        self._new = new
        self._outcomes: dict[int, Outcome] = {}
        self._first: dict[str, int] = {}  # positions by sample
        self.candidates: list[Candidate] = []
        self.matched: list[tuple[int, str]] = []
        with reading():
            for position, entry in enumerate(new):
                self._look_at(connection, position, entry)
            self._recognise(connection, boot)

    def _look_at(self, connection: sqlite3.Connection, position: int, entry: NewEntry) -> None:
        known = entries.by_sample(connection, entry.sample)
        earlier = self._first.setdefault(entry.sample, position)
        sha256 = known.sha256 if known is not None else self._new[earlier].sha256
        problem = _problem(entry)
        if problem is None and sha256 != entry.sha256:
            problem = "another input is kept by this name"
        if problem is not None:
            self._refuse(position, EntryInvalidError(f"{entry.sample}: {problem}"))
        elif known is not None:
            self._outcomes[position] = Outcome(sample=entry.sample)
        elif earlier == position:
            digest = digest_of(entry)
            self.candidates.append(Candidate(position, entry, digest, make_frame(entry, digest)))

    def _recognise(self, connection: sqlite3.Connection, boot: int) -> None:
        again = [(one.entry.sample, one.digest) for one in self.candidates if one.entry.redelivered]
        if not again:
            return
        known = recognised(connection, boot, [sample for sample, _ in again])
        found = match_redelivered(connection, boot, [one for one in again if one[0] not in known])
        for one in self.candidates:
            if one.entry.sample in found:
                row, same_as = found[one.entry.sample]
                self.matched.append((row, one.entry.sample))
                self._outcomes[one.position] = Outcome(sample=one.entry.sample, same_as=same_as)
            elif one.entry.sample in known:
                self._outcomes[one.position] = Outcome(sample=one.entry.sample)
        self.candidates = [one for one in self.candidates if one.position not in self._outcomes]

    def refuse(self, candidate: Candidate, error: RoostError) -> None:
        """It is not kept after all."""
        self.candidates.remove(candidate)
        self._refuse(candidate.position, error)

    def _refuse(self, position: int, error: RoostError) -> None:
        self._outcomes[position] = Outcome(sample=self._new[position].sample, error=refusal(error))

    def outcomes(self) -> list[Outcome]:
        """Of all entries, in order, once the candidates are kept."""
        for candidate in self.candidates:
            self._outcomes[candidate.position] = Outcome(sample=candidate.entry.sample)
        return [
            self._outcomes[position if position in self._outcomes else self._first[entry.sample]]
            for position, entry in enumerate(self._new)
        ]


def _is_its_record(entry: NewEntry) -> bool:
    """A record that nobody can read would stop whoever makes a shard of it."""
    try:
        record = decode_record(entry.record)
    except MessageError:
        return False
    return isinstance(record, SampleRecord) and record.sample == entry.sample


def _problem(entry: NewEntry) -> str | None:
    if not entry.sample or "." in entry.sample or "/" in entry.sample:
        return "that is no sample's name"
    if not 0 < entry.probability <= 1:
        return f"{entry.probability} is no probability"
    if entry.priority < 0:
        return f"{entry.priority} is no priority"
    if not (entry.made_here or _is_its_record(entry)):
        return "the record is not its own"
    if not entry.made_here and hashlib.sha256(entry.payload).digest() != entry.sha256:
        return "the payload is not what was received"
    return None
