"""What a device tells the cloud of its work, at least once and in order: `telemetry` one way, `watermark` the other.

MessagePack, QoS 1, not retained. *Delivered to the broker* is not *delivered to the cloud*: a record stays in the
device's outbox until a watermark covers it. Records count from 1 in each boot, without a gap, and travel in batches;
the cloud stores what follows its watermark, passes over what it has, and says how far it is. After silence, and on
every connection, the device sends again what is not covered.

Each record is encoded by itself, so that one which the cloud cannot read (a newer device's, say) costs nothing but
itself. A record never changes: what is learnt later (a late score, an input thinned away) is a record of its own.

>>> late = LateRecord(sample="06d512e219d217f4-7", contestant="big", label="4", confidence=0.97, elapsed_ms=412.0)
>>> decode_record(encode_record(late)) == late
True
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from roost_shared.messages import SCHEMA_VERSION, UNREADABLE, Answer, MessageError, decode_msgpack, encode_msgpack

__all__ = [
    "MAX_BATCH_BYTES",
    "Batch",
    "DroppedRecord",
    "HealthRecord",
    "InputInfo",
    "LateRecord",
    "PolicyRecord",
    "Record",
    "SampleRecord",
    "Watermark",
    "WindowRecord",
    "decode_msgpack",
    "decode_record",
    "encode_msgpack",
    "encode_record",
]

MAX_BATCH_BYTES: Final = 128 * 1024  # of a batch on the wire, unless a single record is larger

Probability = Annotated[float, Meta(gt=0, le=1)]
KeptFor = Literal["disagreement", "low_confidence", "default", "operator", "late", "base_rate"]
DropReason = Literal["thinned", "retention", "damaged", "quota"]


class InputInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An input that the device keeps, byte for byte as received."""

    sha256: str  # hex, of its bytes
    size_bytes: int
    content_type: str | None = None  # as its sender said


class SampleRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="sample"):
    """An answered request worth remembering: its answer with all candidates, and why it is kept.

    Attributes:
        sample: names it within the device: `{boot}-{count}`.
        key: the request's identity, by a hash of which shares are chosen; None: the answer's id.
        answer: as the caller got it, `inject` included.
        kept_for: why, the most telling first; empty if no input is kept and all answers are recorded.
        probability: with which its input was kept, when that was decided; thinning lowers it, and the shard says the
            final one.
        recorded: `kept`: such a record exists only with that probability too; `all`: the task records every answer.
        input: what was kept; None where the task's privacy switch keeps no pixels, or nothing was kept.
        deadline_ms: the caller's own; None: the task's.
        backlog: it had waited while the device was away, and its rules counted from later.
        policy: digest of the rendezvous policy it was answered by, as `PolicyRecord` says it.
        round_trip_ms: what a question to the cloud was expected to take when the request came (p95); None: the link
            was down, or there was nobody to ask. With it a replay asks when the device did.
    """

    sample: str
    answer: Answer
    kept_for: list[KeptFor]
    probability: Probability
    recorded: Literal["kept", "all"] = "kept"
    input: InputInfo | None = None
    key: str | None = None
    deadline_ms: float | None = None
    force: str | None = None
    backlog: bool = False
    policy: str | None = None
    round_trip_ms: float | None = None


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="policy"):
    """The rendezvous policy a task runs by, so that its answers can be replayed: once a boot and task."""

    task: str
    digest: str  # sha256 of `document`, hex
    document: bytes  # JSON of `rendezvous.PolicyDocument`


class LateRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="late"):
    """A score that came after the answer.

    Attributes:
        sample: what it is of.
        contestant: who says so.
        bundle: that it ran.
        label: as answers have it, like the two below.
        confidence: of the label.
        output: numbers, where there is no label.
        elapsed_ms: from receipt of the input.
        differs: from the answer.
        likelier: by how much likelier than its record says the sample was to be told of, knowing this score.
    """

    sample: str
    contestant: str
    bundle: str | None = None
    label: str | None = None
    confidence: float | None = None
    output: Any = None
    elapsed_ms: float
    differs: bool = False
    likelier: Annotated[float, Meta(ge=1)] = 1.0


class DroppedRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dropped"):
    """Inputs that were kept and are no more, before the cloud had them."""

    samples: list[str]
    reason: DropReason


class WindowRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="window"):
    """A stretch of requests of one contestant, or of the task as a whole.

    The sketch `reasons` of a contestant counts the answers that it gave; that of the task, all.
    """

    task: str
    contestant: str | None = None  # None: the task's answers
    started_at: str  # RFC 3339, UTC, by the device's wall clock
    seconds: float
    count: int  # requests in it
    sketches: dict[str, bytes] = {}  # by name, as `roost_shared.sketches` encodes them
    bundle: str | None = None  # that its contestant ran; None: of a task's answers, or not known
    missed: Annotated[int, Meta(ge=0)] | None = None  # of a task's answers: not handed over by the deadline


class HealthRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="health"):
    """How the device itself is, once a minute; of what it cannot tell, None.

    Attributes:
        temperature_c: of its warmest sensor, in degrees Celsius.
        spool_bytes: of inputs that wait for their upload.
        spool_limit_bytes: that may be.
        waiting: inputs that wait.
        link: the way to cloud contestants: `good`, `bad`, `unknown` or `down`; None: there is nobody to ask.
        round_trip_ms: of a question, the median.
    """

    temperature_c: float | None = None
    spool_bytes: Annotated[int, Meta(ge=0)] | None = None
    spool_limit_bytes: Annotated[int, Meta(ge=0)] | None = None
    waiting: Annotated[int, Meta(ge=0)] | None = None
    link: str | None = None
    round_trip_ms: Annotated[float, Meta(ge=0)] | None = None


Record = SampleRecord | PolicyRecord | LateRecord | DroppedRecord | WindowRecord | HealthRecord


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one boot, in order."""

    schema_version: int = SCHEMA_VERSION
    boot: str
    first: Annotated[int, Meta(ge=1)]  # the first record's sequence
    oldest: Annotated[int, Meta(ge=1)]  # the lowest sequence of this boot that the device still has
    records: list[bytes]  # each as `encode_record` made it


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """How far the cloud has stored the records of a boot: that sequence and all before it."""

    schema_version: int = SCHEMA_VERSION
    boot: str
    sequence: Annotated[int, Meta(ge=0)]


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """A record as a batch holds it."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """The record in `data`.

    Raises:
        MessageError: it is none, or of a kind that we do not know.
    """
    try:
        return _decoder.decode(data)
    except UNREADABLE as error:
        raise MessageError(f"Record: {error}") from error
