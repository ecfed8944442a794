"""What a training process says on its standard output: a JSON object a line.

    {"kind": "trainer", "name": "head", "version": "1"}
    {"kind": "step", "done": 3, "total": 10, "what": "embedding inputs"}
    {"kind": "metric", "name": "accuracy.new", "value": 0.94}
    {"kind": "log", "text": "…"}
    {"kind": "error", "code": "training.impossible", "message": "…"}

The first line says who trains. A metric that is no number has the value null. An error is the last line.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["ErrorLine", "Line", "LogLine", "MetricLine", "StepLine", "TrainerLine", "decode_line", "encode_line"]


class TrainerLine(msgspec.Struct, frozen=True, tag="trainer", tag_field="kind"):
    """Who trains: part of a candidate's lineage."""

    name: str
    version: str


class StepLine(msgspec.Struct, frozen=True, tag="step", tag_field="kind"):
    """How far the work is; see `Progress.step`."""

    done: Annotated[int, Meta(ge=0)]
    total: Annotated[int, Meta(ge=0)]
    what: str


class MetricLine(msgspec.Struct, frozen=True, tag="metric", tag_field="kind"):
    """A figure of the run; None: it is infinite or not a number."""

    name: str
    value: float | None


class LogLine(msgspec.Struct, frozen=True, tag="log", tag_field="kind"):
    """A line of the run's log."""

    text: str


class ErrorLine(msgspec.Struct, frozen=True, tag="error", tag_field="kind"):
    """Why the job cannot be done."""

    code: str
    message: str


Line = TrainerLine | StepLine | MetricLine | LogLine | ErrorLine

_DECODER = msgspec.json.Decoder(Line)


def encode_line(line: Line) -> bytes:
    """A line, with its end."""
    return msgspec.json.encode(line) + b"\n"


def decode_line(data: bytes) -> Line:
    """What `encode_line` wrote.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    line: Line = _DECODER.decode(data)
    return line
