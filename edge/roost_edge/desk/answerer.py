"""Gives answers: puts a decision into words, hands it to the way back, counts it, and lets the input go.

Every answer of the agent leaves here, and an input is settled here and nowhere else: at once, or, where the decoy has
it kept, when it is durable.
"""

from collections.abc import Callable

from roost_edge.decoy.answered import Answered
from roost_edge.decoy.decoy import Decoy
from roost_edge.desk.open_request import OpenRequest
from roost_edge.intake.inputs import Delivery, Input, Reply
from roost_edge.loop.reactor import Reactor
from roost_edge.tasks.task import Task
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
        decoy: gives whoever has inputs kept, None if nobody does.
    """

    def __init__(self, reactor: Reactor, complaints: Complaints, decoy: Callable[[], Decoy | None]) -> None:
        self._reactor = reactor
        self._complaints = complaints
        self._decoy = decoy

    def answer(self, opened: OpenRequest, decision: rendezvous.Answer) -> bool:
        """Answer a request. Inputs that joined it have the same way back, and go with it.

        Returns:
            Whether the answer was handed over by its deadline.
        """
        answer = self._in_words(opened, decision)
        delivery = self._deliver(opened.input, answer, opened.task)
        decoy = self._decoy()
        if decoy is not None:
            link = opened.link
            decoy.answered(
                Answered(
                    input=opened.input,
                    decision=decision,
                    answer=answer,
                    payload=opened.payload,
                    policy=opened.task.policy,
                    round_trip_ns=link.round_trip_ns if link.up else None,
                )
            )
        if delivery is not Delivery.AWAY:
            for reply in (opened.input.reply, *opened.joined):
                self._settle(opened.input.key, reply)
        return delivery is Delivery.HANDED and answer.deadline_met

    def repeat(self, opened: OpenRequest, decision: rendezvous.Answer) -> None:
        """Give to an input whose id came before what that one was given; it is counted as `repeated` only."""
        if opened.input.reply.deliver(self._in_words(opened, decision)) is not Delivery.AWAY:
            self._settle(opened.input.key, opened.input.reply)

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
        if self._deliver(given, answer, task) is not Delivery.AWAY:
            given.reply.settled()

    def pass_over(self, given: Input) -> None:
        """Let an input go that needs no answer."""
        self._settle(given.key, given.reply)

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

    def _settle(self, key: str, reply: Reply) -> None:
        decoy = self._decoy()
        if decoy is None:
            reply.settled()
        else:
            decoy.settle(key, reply.settled)

    def _deliver(self, given: Input, answer: messages.Answer, task: Task | None) -> Delivery:
        """Hand an answer over; one that is `AWAY` leaves its input unsettled: the broker will deliver it again."""
        delivery = given.reply.deliver(answer)
        if task is not None:
            task.tally.note_answer(answer, delivery)
        if delivery is Delivery.AWAY:
            self._complaints.note("answer.unsent", f"{given.task} {given.id}: nobody is there to take it")
        elif delivery is Delivery.REFUSED:
            self._complaints.note("answer.refused", f"{given.task} {given.id}: too large, or too many wait")
        return delivery


def _is_in_time(given: Input, task: Task | None, elapsed_ns: int) -> bool:
    """Whether an answer given now, `elapsed_ns` after receipt, is handed to the socket by the deadline."""
    allowed = task is None or elapsed_ns <= task.policy.time_allowed_ns(given.deadline_ns)
    return allowed and given.reply.can_deliver()
