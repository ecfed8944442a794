"""A request that has just been answered, as the desk shows it to the decoy."""

import msgspec

from roost_edge.intake.inputs import Input
from roost_edge.workers import SharedPayload
from roost_shared import messages, rendezvous
from roost_shared.rendezvous import TaskPolicy

__all__ = ["Answered"]


class Answered(msgspec.Struct, frozen=True):
    """A request that has just been answered.

    Attributes:
        input: the input; its payload may be gone from it.
        decision: what the rendezvous decided.
        answer: what the caller got.
        payload: the input's bytes, None where there was no memory for them.
        policy: that it was answered by.
        round_trip_ns: what a question to the cloud was expected to take; None: nobody could be asked.
    """

    input: Input
    decision: rendezvous.Answer
    answer: messages.Answer
    payload: SharedPayload | None
    policy: TaskPolicy
    round_trip_ns: int | None = None
