"""A sealed list of the spool's as the tar it is sent as, made of the spool's own bytes while they are read."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from roost_edge.spool.interface import Entry, Stored
from roost_edge.upload.shard_cloud import Opening
from roost_shared.shards import Member, ShardEntry, ShardList, TarLayout, encode_metadata, list_entry, shard_id

__all__ = ["EntryReader", "ShardTar", "in_chunks"]


class EntryReader(Protocol):
    """What of a `SpoolReader` it takes."""

    def read(self, entry: Entry) -> Stored:
        """An entry's bytes, checked."""
        ...

    def read_record(self, entry: Entry) -> bytes:
        """An entry's record alone."""
        ...


class ShardTar:
    """One shard, all but its bytes.

    Args:
        reader: of the spool; every record is read at once, the inputs as they are sent.
        task: of the entries.
        entries: in their order.

    Attributes:
        shard: its id.
        opening: what the cloud is told of it.

    Raises:
        SpoolError: a record cannot be read.
    """

    def __init__(self, reader: EntryReader, task: str, entries: Sequence[Entry]) -> None:
        self._reader = reader
        self._entries = {entry.sample: entry for entry in entries}
        listing = ShardList(task=task, entries=[_listed(entry, reader.read_record(entry)) for entry in entries])
        self._layout = TarLayout(listing)
        self._stored: tuple[str, Stored] | None = None  # the last: its record follows its input
        self.shard = shard_id(listing)
        self.opening = Opening(
            shard=self.shard, task=task, size_bytes=self._layout.size_bytes, entries=listing.entries
        )

    def stream(self, offset: int, size_bytes: int, chunk_bytes: int) -> Iterator[bytes]:
        """A part of the tar, in chunks of at most so many bytes.

        Raises:
            SpoolError: an entry cannot be read, is damaged or gone.
        """
        return in_chunks(self._layout.stream(offset, offset + size_bytes, self._read), chunk_bytes)

    def _read(self, member: Member) -> bytes:
        entry = self._entries[member.entry.sample]
        if member.is_metadata and (self._stored is None or self._stored[0] != entry.sample):
            return encode_metadata(self._reader.read_record(entry), entry.probability)
        if self._stored is None or self._stored[0] != entry.sample:
            self._stored = (entry.sample, self._reader.read(entry))
        stored = self._stored[1]
        return encode_metadata(stored.record, entry.probability) if member.is_metadata else stored.payload


def in_chunks(pieces: Iterable[memoryview], chunk_bytes: int) -> Iterator[bytes]:
    """The same bytes in chunks that are worth a send: small pieces together, and large ones cut."""
    pending: list[memoryview] = []
    room_bytes = chunk_bytes
    for piece in pieces:
        rest = piece
        while len(rest) >= room_bytes:
            yield b"".join([*pending, rest[:room_bytes]])
            rest = rest[room_bytes:]
            pending.clear()
            room_bytes = chunk_bytes
        if rest:
            pending.append(rest)
            room_bytes -= len(rest)
    if pending:
        yield b"".join(pending)


def _listed(entry: Entry, record: bytes) -> ShardEntry:
    return list_entry(
        sample=entry.sample,
        start=entry.start,
        content_type=entry.content_type,
        size_bytes=entry.payload_bytes,
        sha256=entry.sha256.hex(),
        record=record,
        probability=entry.probability,
    )
