"""What a device asks of cloud contestants, and what they say: `ask/{task}` one way, `score` the other.

MessagePack, QoS 0, not retained. No wall clock crosses, so a device's clock may be off by years. One question names
all the contestants it is for, so an input crosses the link once; each of them answers with a score of its own, the
quick one not waiting for the slow. A *probe* is a question without contestants: it tells whether anybody is there,
and how far away.

A task that asks some contestants always, or a sample, and others when unsure, asks at two moments, and sends the input
at each: twice, however many they are, where the second moment comes. It cannot be spared. To ask all at the first
would spend the larger models on every request, and let them answer where the rules did not ask them. And a second
question without the input would have to reach the scorer that keeps it from the first: the broker gives each question
to any one of the scorers, a device may write to no topic that is one scorer's own, and to be told "not here", and send
the input after all, takes a round trip that the last moment to ask does not have.

Whoever is asked in a version it does not read says so, in that version. So `id` and `contestants` of a question, `id`,
`contestant` and `error` of a score, and what they mean, stay as they are in every version.

>>> question = Question(id="b1:7", contestants=["big"], remaining_ms=120.0, payload=b"...")
>>> decode_msgpack(encode_msgpack(question), Question) == question
True
"""

from typing import Any, Literal

import msgspec

from roost_shared.bundle.manifest import Resample
from roost_shared.messages import SCHEMA_VERSION, ErrorInfo, decode_msgpack, encode_msgpack

__all__ = ["CloudScore", "InputSize", "Question", "decode_msgpack", "encode_msgpack"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An input, and who shall score it."""

    schema_version: int = SCHEMA_VERSION
    id: str  # the device's own, unique within a boot; asked once more, it is the same
    contestants: list[str]  # of the topic's task; empty: a probe
    remaining_ms: float  # how long the scorer may take from its receipt, by the device's reckoning
    payload: bytes = b""
    content_type: str | None = None
    inject: dict[str, Any] | None = None  # external state stamped on the request


class InputSize(msgspec.Struct, frozen=True):
    """The picture a bundle's preprocessing resizes to before all else: sent so, without loss, it scores the same."""

    width: int  # pixels
    height: int  # pixels
    colour: Literal["RGB", "L"] = "RGB"  # it is converted to this first
    resample: Resample = "bilinear"


class CloudScore(msgspec.Struct, frozen=True, kw_only=True):
    """What one contestant says to a question; `error` if it will not score it."""

    schema_version: int = SCHEMA_VERSION
    id: str  # the question's
    contestant: str | None = None  # None: a probe comes back
    bundle: str | None = None  # "name:version@sha256:…"
    label: str | None = None
    confidence: float | None = None  # 0…1; None if the bundle defines none
    top: list[tuple[str, float]] = []  # best labels first
    output: Any = None  # as in `Answer`
    error: ErrorInfo | None = None
    scorer_ms: float = 0.0  # from the scorer's receipt of the question to this score
    input: InputSize | None = None
