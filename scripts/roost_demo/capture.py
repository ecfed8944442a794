"""What the devices keep of the inputs, and whether the cloud got all of it, once each. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from roost_cloud.replay.source import Recorded
from roost_shared.records import SampleRecord, decode_record
from scripts.roost_demo.cloud import CloudInput
from scripts.roost_demo.outcomes import Outcome

__all__ = ["Arrived", "Keeping", "arrived", "keeping_line", "keeping_of", "reason_named", "truth_of"]

_KEPT_FOR: Final = "kept_for_"


@dataclass(frozen=True)
class Keeping:
    """What one device keeps.

    Attributes:
        kept: inputs that it has made durable.
        kept_for: inputs that it began to keep, by what spoke for them.
        uploaded: of those it has made durable, inputs that the cloud has confirmed.
        waits: an input is not durable yet, or is still in its spool. What was said of inputs is counted in the cloud:
            there is always some of it on its way, as windows close as often as a device tells.
    """

    kept: int = 0
    kept_for: Mapping[str, int] = field(default_factory=dict)
    uploaded: int = 0
    waits: bool = True

    @property
    def spooled(self) -> int:
        """Inputs that wait in its spool."""
        return self.kept - self.uploaded

    @property
    def is_drained(self) -> bool:
        """All inputs that it kept are the cloud's, and it says so."""
        return not self.waits and not self.spooled


@dataclass(frozen=True)
class Arrived:
    """What of the devices' inputs and answers the cloud has.

    Attributes:
        answers: that the sensors got.
        recorded: of these, how many the cloud has heard of.
        kept: inputs that the devices kept.
        in_cloud: of these, how many the cloud has with the bytes that the sensors sent.
        wrong: what it has besides: twice, with other bytes, or of nobody.
    """

    answers: int
    recorded: int
    kept: int
    in_cloud: int
    wrong: int

    @property
    def exactly_once(self) -> bool:
        """Nothing is missing, and nothing is there that should not be."""
        return self.recorded == self.answers and self.in_cloud == self.kept and not self.wrong


def keeping_of(status: Mapping[str, Any]) -> Keeping:
    """What `roost-agent status` says of a device; of what was confirmed it tells once a second."""
    capture = status["capture"]
    spool = capture["spool"]
    if not spool:
        return Keeping()  # its spooler has not told of itself yet
    reasons = {name: count for name, count in capture.items() if name.startswith(_KEPT_FOR)}
    return Keeping(
        kept=capture.get("durable", 0),
        kept_for={name.removeprefix(_KEPT_FOR): count for name, count in sorted(reasons.items())},
        uploaded=spool["upload"]["inputs"],
        waits=bool(capture["unsettled"] or spool["entry_bytes"]),
    )


def keeping_line(device: str, keeping: Keeping, in_cloud: int) -> str:
    """One line on a device, what matters most within 80 columns.

    >>> keeping_line("cam-01", Keeping(5, {"disagreement": 3, "base_rate": 2}, 4), 4)
    'cam-01    kept 5: 1 in its spool, 4 uploaded, 4 in the cloud; for disagreement 3, base rate 2'
    """
    ordered = sorted(keeping.kept_for.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{reason_named(reason)} {count}" for reason, count in ordered)
    return (
        f"{device:8}  kept {keeping.kept}: {keeping.spooled} in its spool, {keeping.uploaded} uploaded, "
        f"{in_cloud} in the cloud{f'; for {reasons}' if reasons else ''}"
    )


def reason_named(reason: str) -> str:
    """What an input is kept for, in words."""
    return reason.replace("_", " ")


def arrived(
    outcomes: Iterable[Outcome], kept: int, recorded: Iterable[Recorded], inputs: Sequence[CloudInput]
) -> Arrived:
    """Compare what was sent and answered with what the cloud has.

    Args:
        outcomes: of every picture.
        kept: inputs that the devices kept.
        recorded: what the cloud has heard of requests.
        inputs: what the cloud has of inputs.
    """
    sent = {
        (one.device, one.answer.id): hashlib.sha256(one.picture.payload).hexdigest()
        for one in outcomes
        if one.answer is not None
    }
    requests = {(one.device, one.sample): (one.device, _answer_id(one)) for one in recorded}
    heard_of = Counter(requests.values())
    brought: Counter[tuple[str, str]] = Counter()
    for one in inputs:
        request = requests.get((one.device, one.sample))
        if request is not None and sent.get(request) == one.sha256:
            brought[request] += 1
    known = len(heard_of.keys() & sent.keys())
    return Arrived(
        answers=len(sent),
        recorded=known,
        kept=kept,
        in_cloud=len(brought),
        wrong=heard_of.total() - known + len(inputs) - len(brought),
    )


def truth_of(outcomes: Iterable[Outcome], recorded: Iterable[Recorded]) -> dict[str, str]:
    """What the pictures really show, by the samples that the cloud knows them as."""
    labels = {(one.device, one.answer.id): one.picture.label for one in outcomes if one.answer is not None}
    known = ((one.sample, labels.get((one.device, _answer_id(one)))) for one in recorded)
    return {sample: label for sample, label in known if label is not None}


def _answer_id(one: Recorded) -> str:
    record = decode_record(one.record)
    if not isinstance(record, SampleRecord):
        raise TypeError(f"{one.sample}: the cloud recorded a {type(record).__name__} as a request")
    return record.answer.id
