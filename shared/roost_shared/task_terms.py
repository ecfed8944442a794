"""What a task's document says of times and rules, wherever its contestants run: in agent.toml or in the cloud."""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from roost_shared.rendezvous import AskMode, Contestant, Role, Rule, TaskPolicy, default_rules

__all__ = ["StatedContestant", "TaskTerms"]

UpToADay = Annotated[float, Meta(le=24 * 3600 * 1000)]  # milliseconds


class StatedContestant(Protocol):
    """What a document says of a contestant that its policy depends on."""

    @property
    def name(self) -> str:
        """Which rules accept."""

    @property
    def role(self) -> Role:
        """What it does."""

    @property
    def where(self) -> Literal["local", "cloud"]:
        """It runs."""

    @property
    def ask(self) -> AskMode:
        """Of one in the cloud: when to spend a question on it."""


class TaskTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a task's document that is the same on a device and in the cloud."""

    deadline_ms: UpToADay = 300
    max_deadline_ms: UpToADay | None = None
    guard_ms: UpToADay = 5
    default: str | None = None
    early_advance: bool = True
    rules: list[Rule] = []

    def policy_for(
        self,
        name: str,
        stated: Sequence[StatedContestant],
        *,
        without_confidence: frozenset[str] = frozenset(),
        tolerance: float | None = None,
    ) -> TaskPolicy:
        """The rendezvous policy of these terms.

        Args:
            name: the task's name.
            stated: who takes part.
            without_confidence: contestants whose bundle defines no confidence.
            tolerance: agreement of numeric outputs, from the answering bundles.

        Raises:
            PolicyError: rules or contestants contradict each other.
        """
        contestants = [
            Contestant(
                name=one.name,
                role=one.role,
                where=one.where,
                ask=one.ask,
                has_confidence=one.name not in without_confidence,
            )
            for one in stated
        ]
        return TaskPolicy(
            task=name,
            contestants=contestants,
            rules=self.rules or default_rules(contestants, self.deadline_ms),
            deadline_ms=self.deadline_ms,
            max_deadline_ms=self.max_deadline_ms,
            guard_ms=self.guard_ms,
            default=self.default,
            early_advance=self.early_advance,
            agreement_tolerance=tolerance,
        )
