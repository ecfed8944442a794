"""A rendezvous policy as a document: what of it must be known to decide as it does, with a digest to name it by.

>>> policy = TaskPolicy(
...     task="meter", contestants=[Contestant(name="a")], rules=[Rule(accept="a", min_confidence=0.8)], deadline_ms=300
... )
>>> document = PolicyDocument.of(policy)
>>> PolicyDocument.decode(document.encode()) == document
True
>>> PolicyDocument.of(document.policy()).digest == document.digest
True
"""

from hashlib import sha256
from typing import Self

import msgspec

from roost_shared.clock import ns_to_ms
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE
from roost_shared.rendezvous.policy import Contestant, Rule, TaskPolicy

__all__ = ["PolicyDocument", "PolicyDocumentError"]


class PolicyDocumentError(ContentError):
    """What should be a policy's document is none."""

    code = "policy.document"


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a `TaskPolicy`."""

    task: str
    contestants: list[Contestant]
    rules: list[Rule]
    deadline_ms: float
    max_deadline_ms: float | None = None
    guard_ms: float = 5
    default: str | None = None
    early_advance: bool = True
    agreement_tolerance: float | None = None

    @classmethod
    def of(cls, policy: TaskPolicy) -> Self:
        """The document of a policy."""
        return cls(
            task=policy.task,
            contestants=list(policy.contestants),
            rules=list(policy.rules),
            deadline_ms=policy.deadline_ms,
            max_deadline_ms=ns_to_ms(policy.max_deadline_ns),
            guard_ms=ns_to_ms(policy.guard_ns),
            default=policy.default,
            early_advance=policy.early_advance,
            agreement_tolerance=policy.agreement_tolerance,
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The document in `data`.

        Raises:
            PolicyDocumentError: there is none.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except UNREADABLE as error:
            raise PolicyDocumentError(f"PolicyDocument: {error}") from error

    def encode(self) -> bytes:
        """As JSON; equal documents give equal bytes."""
        return msgspec.json.encode(self)

    @property
    def digest(self) -> str:
        """SHA-256 of `encode()`, hex."""
        return sha256(self.encode()).hexdigest()

    def policy(self) -> TaskPolicy:
        """The policy.

        Raises:
            PolicyError: rules or contestants contradict each other.
        """
        return TaskPolicy(
            task=self.task,
            contestants=self.contestants,
            rules=self.rules,
            deadline_ms=self.deadline_ms,
            max_deadline_ms=self.max_deadline_ms,
            guard_ms=self.guard_ms,
            default=self.default,
            early_advance=self.early_advance,
            agreement_tolerance=self.agreement_tolerance,
        )
