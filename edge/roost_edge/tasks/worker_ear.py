"""Hears one task's workers: passes what they say to the desk, and logs and passes on how they are."""

import logging
from collections.abc import Callable, Mapping

from roost_edge.desk import Desk
from roost_edge.workers import ContestantState, Key
from roost_shared.messages import ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.scored import Scored

__all__ = ["OnState", "WorkerEar"]

log = logging.getLogger(__name__)

OnState = Callable[[str, str, ContestantState, ErrorInfo | None], object]
"""Called with a task, a seat of one of its workers, the state it entered, and why where that is no good news."""


class WorkerEar:
    """Hears the workers of one task, those on trial too.

    Args:
        task: its name.
        desk: answers.
        on_state: hears how they are.
    """

    def __init__(self, task: str, desk: Desk, on_state: OnState) -> None:
        self._task = task
        self._desk = desk
        self._on_state = on_state

    def on_score(self, key: Key, contestant: str, scored: Scored) -> None:
        """A contestant has scored a request; it is named by its seat."""
        self._desk.on_score(key, contestant, scored)

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        """A contestant, named by its seat, will not score a request."""
        self._desk.on_failure(key, contestant, error)

    def on_phi(self, contestants: Mapping[str, str | None], phi: PhiVector | ErrorInfo) -> None:
        """φ of an input as the contestants on these seats see it, or why it could not be measured."""
        self._desk.on_phi(self._task, contestants, phi)

    def on_contestant_state(self, contestant: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        """A contestant, named by its seat, or its worker, entered a state."""
        why = f": {detail.code}: {detail.message}" if detail else ""
        log.log(logging.WARNING if detail else logging.INFO, "%s/%s is %s%s", self._task, contestant, state, why)
        self._on_state(self._task, contestant, state, detail)
