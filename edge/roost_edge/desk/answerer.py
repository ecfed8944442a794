"""Gives answers: puts a decision into words, hands it to the way back, counts it, and lets the input go.

Every answer of the agent leaves here, and an input is settled here and nowhere else.
"""

from collections.abc import Iterable

from roost_edge.desk.open_request import OpenRequest
from roost_edge.inputs import Delivery, Input, Reply
from roost_edge.reactor import Reactor
from roost_edge.task import Task
from roost_shared import messages, rendezvous
from roost_shared.answers import default_answer, scored_answer
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo

__all__ = ["Answerer"]


class Answerer:
    """The desk's outgoing side.

    Args:
        reactor: tells the time.
        complaints: where answers that do not leave are counted.
    """

    def __init__(self, reactor: Reactor, complaints: Complaints) -> None:
        self._reactor = reactor
        self._complaints = complaints

    def answer(self, opened: OpenRequest, decision: rendezvous.Answer) -> None:
        """Answer a request. Inputs that joined it have the same way back, and go with it."""
        self._give(opened.input, self._in_words(opened, decision), opened.task, [opened.input.reply, *opened.joined])

    def repeat(self, opened: OpenRequest, decision: rendezvous.Answer) -> None:
        """Give to an input whose id came before what that one was given; it is counted as `repeated` only."""
        if opened.input.reply.deliver(self._in_words(opened, decision)) is not Delivery.AWAY:
            opened.input.reply.settled()

    def refuse(self, given: Input, error: ErrorInfo, task: Task | None) -> None:
        """Answer an input that no contestant can be asked about, with the default and this error.

        Args:
            given: the input.
            error: why.
            task: the input's; None if there is none of that name.
        """
        elapsed_ns = self._reactor.now_ns() - given.received_ns
        answer = default_answer(
            given,
            error,
            default=None if task is None else task.policy.default,
            elapsed_ns=elapsed_ns,
            deadline_met=_is_in_time(given, task, elapsed_ns),
        )
        self._give(given, answer, task, [given.reply])

    def pass_over(self, given: Input) -> None:
        """Let an input go that needs no answer."""
        given.reply.settled()

    def _in_words(self, opened: OpenRequest, decision: rendezvous.Answer) -> messages.Answer:
        elapsed_ns = self._reactor.now_ns() - opened.input.received_ns
        return scored_answer(
            decision,
            opened.input,
            default=opened.task.policy.default,
            bundles=opened.task.bundles,
            unsigned=opened.task.unsigned,
            inject=decision.request.inject,
            elapsed_ns=elapsed_ns,
            deadline_met=_is_in_time(opened.input, opened.task, elapsed_ns),
        )

    def _give(self, given: Input, answer: messages.Answer, task: Task | None, settles: Iterable[Reply]) -> None:
        delivery = given.reply.deliver(answer)
        if task is not None:
            task.tally.note_answer(answer, delivery)
        if delivery is Delivery.AWAY:
            self._complaints.note("answer.unsent", f"{given.task} {given.id}: nobody is there to take it")
            return  # not settled: the broker will deliver a QoS 1 input again
        if delivery is Delivery.REFUSED:
            self._complaints.note("answer.refused", f"{given.task} {given.id}: too large, or too many wait")
        for reply in settles:
            reply.settled()


def _is_in_time(given: Input, task: Task | None, elapsed_ns: int) -> bool:
    """Whether an answer given now, `elapsed_ns` after receipt, is handed to the socket by the deadline."""
    allowed = task is None or elapsed_ns <= task.policy.time_allowed_ns(given.deadline_ns)
    return allowed and given.reply.can_deliver()
