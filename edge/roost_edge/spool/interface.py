"""What goes into the spool and what its readers see of it; no code, so that uploader and spool can be built apart.

The thread that appends owns the `Spool`. Another thread uploads, by a `SpoolReader` of its own (`Spool.reader()`,
called in that thread, for SQLite's connections stay in theirs):

    reader.shards()                      lists sealed before a restart: upload these first
    reader.shards(wanted), reader.seal(limits, identify, wanted)    what people asked for goes before all that
    reader.seal(limits, identify)        the next list that is due, committed before it is returned
    reader.read(entry)                   its record and payload, checked
    reader.committed(shard)              the cloud has it: its entries are deleted
    reader.dissolve(shard)               the cloud refuses it: its entries may be sealed anew
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from roost_shared.messages import ErrorInfo

__all__ = ["Entry", "Identify", "NewEntry", "Note", "Outcome", "SealLimits", "ShardList", "SpoolReader", "Stored"]


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An input to be kept.

    Attributes:
        sample: `{boot}-{count}`, no dots; unique on this device.
        task: it was an input of.
        priority: its class; 0 is the base rate, and goes first when space runs short.
        probability: with which it was kept, in (0, 1].
        record: its `SampleRecord`, encoded; also goes to the outbox.
        payload: the input, byte for byte.
        sha256: of `payload`, 32 bytes, as whoever received it counted it.
        content_type: as its sender said.
        correlation: what tells two equal payloads apart: MQTT 5 Correlation Data.
        redelivered: an earlier boot may have kept it already.
        made_here: whoever gives it has just counted `sha256` over `payload`, and encoded `record` for `sample`,
            themselves: neither is done a second time to see whether they were right.
    """

    sample: str
    task: str
    priority: int
    probability: float
    record: bytes
    payload: bytes | memoryview
    sha256: bytes
    content_type: str | None = None
    correlation: bytes = b""
    redelivered: bool = False
    made_here: bool = False


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A record for the outbox that belongs to no input kept here.

    Attributes:
        record: as `encode_record` made it.
        base_rate: a sample record that may go first when the outbox is full.
        number: rises from note to note of a boot; one that is not above all before came before, and is kept already.
            0: it cannot come twice.
    """

    record: bytes
    base_rate: bool = False
    number: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry: durable, or refused with a reason."""

    sample: str
    error: ErrorInfo | None = None
    same_as: str | None = None  # the sample of an earlier boot that this input was kept as

    @property
    def kept(self) -> bool:
        """It is on the disk, and stays there over a power cut."""
        return self.error is None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An input that is kept; where its bytes are is the spool's own business."""

    id: int  # rises in order of receipt
    sample: str
    task: str
    priority: int
    probability: float  # thinning lowers it until the entry is sealed
    record_bytes: int  # of its encoded `SampleRecord`
    payload_bytes: int
    sha256: bytes  # of the payload, 32 bytes
    content_type: str | None
    start: bytes  # the payload's first MAGIC_BYTES
    age_s: int  # of running time, when it was looked at; see `running_time`


class Stored(msgspec.Struct, frozen=True):
    """An entry's bytes, checked."""

    record: bytes
    payload: bytes


class ShardList(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one task that go to the cloud as one shard; they are neither thinned nor changed any more."""

    shard: str  # as `Identify` named it
    task: str
    entries: list[Entry]  # in order of receipt


class SealLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When a list is due: full, or its first entry old enough, or asked for."""

    entries: int = 4096
    size_bytes: int = 64 << 20  # of records and payloads
    age_s: float = 600
    flush: bool = False  # whatever there is


Identify = Callable[[str, Sequence[Entry]], str]
"""Names a shard by task and entries: sha256 of the canonical list, hex.

It may read what it needs by `SpoolReader.read_record`, and is called again if entries were thinned meanwhile.
"""


class SpoolReader(Protocol):
    """The spool as the uploading thread sees it. Every method may raise a `SpoolError`; nothing has changed then."""

    def holds_any(self) -> bool:
        """Whether there is anything that is still to be brought."""
        ...

    def seal(self, limits: SealLimits, identify: Identify, wanted: Sequence[str] | None = None) -> ShardList | None:
        """Commit the next list that is due, of the task whose entries wait longest; None if none is.

        With `wanted`, only of these samples: those of one task that are in no list yet, due or not.
        """
        ...

    def shards(self, wanted: Sequence[str] | None = None) -> list[str]:
        """The shards sealed and not yet committed or dissolved, oldest first; only those that hold one of `wanted`."""
        ...

    def entries_of(self, shard: str) -> ShardList | None:
        """The list of a sealed shard, just as it was sealed; None if there is no such shard."""
        ...

    def read(self, entry: Entry) -> Stored:
        """An entry's bytes.

        Raises:
            EntryGoneError: it has been dropped, or committed.
            EntryDamagedError: its bytes are not what they were. It has been dropped, counted and told of; the shard
                it was sealed in is dissolved.
        """
        ...

    def read_record(self, entry: Entry) -> bytes:
        """Its record alone; raises as `read` does."""
        ...

    def committed(self, shard: str) -> None:
        """The cloud has said that it has the shard: forget its entries and free their space. Twice does no harm."""
        ...

    def dissolve(self, shard: str) -> None:
        """Give its entries back, to be sealed otherwise or thinned. Twice does no harm."""
        ...

    def close(self) -> None:
        """Close its connection to the index."""
        ...
