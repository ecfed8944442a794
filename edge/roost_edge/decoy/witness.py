"""Tells the cloud of answered requests: a record of each worth remembering, and of each late score.

A record names the policy that its request was answered by; what a policy says is told before the first that names it.
What finds no room on its way is lost, counted and said: nothing waits for it.
"""

from collections import Counter
from itertools import count
from typing import Final

from roost_edge.decoy.answered import Answered
from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decision import Keeping
from roost_edge.decoy.interface import Keeper
from roost_shared.clock import ns_to_ms
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import LateRecord, PolicyRecord, Record, SampleRecord, encode_record
from roost_shared.rendezvous import Late, PolicyDocument, TaskPolicy

__all__ = ["Witness"]

_OVERLOADED: Final = ErrorInfo("capture.overloaded", "too much waits for the disk")


class Witness:
    """Of one boot.

    Args:
        keeper: brings records to the cloud.
        complaints: hears of those that are lost.
        counts: they are counted here, as `records_lost`.
        boot: this start of the agent.
    """

    def __init__(self, keeper: Keeper, complaints: Complaints, counts: Counter[str], *, boot: str) -> None:
        self._keeper = keeper
        self._complaints = complaints
        self._counts = counts
        self._boot = boot
        self._samples = count(1)
        self._policies: dict[str, tuple[TaskPolicy, str]] = {}  # by task: the newest, and its digest

    def new_sample(self) -> str:
        """A name for a sample that no other of this device has."""
        return f"{self._boot}-{next(self._samples)}"

    def record(self, sample: str, answered: Answered, config: CaptureConfig, keeping: Keeping | None) -> SampleRecord:
        """The record of a request, which is still to be told or kept; its policy is told now, if it is new.

        Args:
            sample: its name.
            answered: the request.
            config: the task's.
            keeping: why its input is kept; None: it is not, and all answers are recorded.
        """
        return SampleRecord(
            sample=sample,
            answer=answered.answer,
            kept_for=[] if keeping is None else list(keeping.kept_for),
            probability=config.base_rate or 1.0 if keeping is None else keeping.probability,
            recorded=config.answers,
            key=None if answered.input.key == answered.input.id else answered.input.key,
            deadline_ms=None if answered.input.deadline_ns is None else ns_to_ms(answered.input.deadline_ns),
            force=answered.input.force,
            backlog=answered.input.backlog,
            policy=self._policy(answered.policy),
            round_trip_ms=None if answered.round_trip_ns is None else ns_to_ms(answered.round_trip_ns),
        )

    def tell(self, record: Record) -> None:
        """Send a record on its way to the cloud."""
        if not self._keeper.note(encode_record(record), self._told):
            self._told(_OVERLOADED)

    def tell_late(self, sample: str, late: Late, *, elapsed_ns: int, likelier: float) -> None:
        """Tell of a score that came after the answer.

        Args:
            sample: what it is of.
            late: it.
            elapsed_ns: from receipt of the input.
            likelier: by how much likelier than its record says the sample was to be told of, knowing this score.
        """
        score = late.score
        self.tell(
            LateRecord(
                sample=sample,
                contestant=score.contestant,
                bundle=score.bundle,
                label=score.label,
                confidence=score.confidence,
                output=score.output,
                elapsed_ms=ns_to_ms(elapsed_ns),
                differs=late.differs,
                likelier=likelier,
            )
        )

    def _policy(self, policy: TaskPolicy) -> str:
        """The digest of a policy; the first time it is seen, the cloud is told what it says."""
        known = self._policies.get(policy.task)
        if known is None or known[0] is not policy:
            document = PolicyDocument.of(policy)
            known = (policy, document.digest)
            self._policies[policy.task] = known
            self.tell(PolicyRecord(task=policy.task, digest=known[1], document=document.encode()))
        return known[1]

    def _told(self, error: ErrorInfo | None) -> None:
        if error is not None:
            self._counts["records_lost"] += 1
            self._complaints.note(error.code, f"a record for the cloud is lost: {error.message}")
