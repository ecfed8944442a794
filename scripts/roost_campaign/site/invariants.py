"""What must hold of a round's inputs: pure, by what the sensor heard and what the cloud has."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.site.feeder import Asked

__all__ = ["Leave", "check_answers", "check_bundles", "check_stored"]

_WORTH_A_PART: Final = 0.1  # of a deadline: a machine that stalls for so long explains a late answer
_ON_THE_WAY_S: Final = 1.0  # from sensor to device and back: only there does the deadline count
_SHOWN: Final = 5


@dataclass(frozen=True)
class Leave:
    """What a round's hazards excuse.

    Attributes:
        late: answers may be late: somebody on their way stood still or was gone.
        redelivered: an input may be answered once by each boot that met it, marked.
        lost_by_broker: the site's broker was killed, and with it what it had not saved.
        not_kept: inputs that the device said it could not keep, for want of room or of time.
    """

    late: bool = False
    redelivered: bool = False
    lost_by_broker: bool = False
    not_kept: int = 0


def check_answers(
    asked: Sequence[Asked],
    leave: Leave,
    deadline_s: float,
    stalled_s: Callable[[float, float], float],
    outcome: Outcome,
) -> None:
    """Each input the broker took has its one answer, by the deadline: by its device's word and its sensor's watch.

    Args:
        asked: of one device.
        leave: what is excused.
        deadline_s: of the task.
        stalled_s: how long the machine gave nobody a turn, between two moments.
        outcome: gets what is found.
    """
    taken = any(one.acknowledged for one in asked)
    outcome.require(taken or leave.lost_by_broker, "a round has inputs", f"{len(asked)} sent, none of them taken")
    for one in asked:
        answers = one.distinct
        outcome.count("answers", len(answers))
        if not answers:
            if one.acknowledged and not leave.lost_by_broker:
                outcome.broken("exactly one answer each", f"input {one.number} has none")
            continue
        first_hand = [answer for answer in answers if not answer["redelivered"]]
        most = len(first_hand) <= 1 and (len(answers) == 1 or leave.redelivered)
        outcome.require(most, "exactly one answer each", f"input {one.number} has {len(answers)}: {answers}"[:3000])
        for answer in answers:
            outcome.count(f"answers: {answer['reason']}")
        in_time = one.answers[0][0] - one.sent_s <= deadline_s + _ON_THE_WAY_S
        if not leave.late and not (in_time and any(answer["deadline_met"] for answer in answers)):
            _judge_late(one, answers[0], deadline_s, stalled_s, outcome)


def _judge_late(
    one: Asked,
    answer: Mapping[str, Any],
    deadline_s: float,
    stalled_s: Callable[[float, float], float],
    outcome: Outcome,
) -> None:
    ended_s = one.answers[0][0]
    stall_s = stalled_s(one.sent_s, ended_s)
    if stall_s >= _WORTH_A_PART * deadline_s:
        outcome.count("answers late while the machine itself stalled")
        return
    took = f"{ended_s - one.sent_s:.3f} s, of which the machine stalled for {stall_s:.3f}"
    outcome.broken("answers by the deadline", f"input {one.number} took {took}: {answer}")


def check_bundles(asked: Sequence[Asked], signed: Collection[str], outcome: Outcome) -> None:
    """Nothing answers but what was signed.

    Args:
        asked: of one device.
        signed: references of bundles.
        outcome: gets what is found.
    """
    for one in asked:
        for answer in one.distinct:
            is_signed = answer["bundle"] is None or answer["bundle"] in signed
            outcome.require(is_signed and not answer["unsigned"], "nothing unsigned active", answer)


def check_stored(
    asked: Sequence[Asked], stored: Mapping[str, int], others: int, leave: Leave, outcome: Outcome
) -> None:
    """What was acknowledged is in the store exactly once, and nothing is there twice or from nowhere.

    Args:
        asked: of one device.
        stored: how often an input is in the store, by digest; those of earlier rounds, too.
        others: inputs in the store that nobody has sent.
        leave: what is excused.
        outcome: gets what is found.
    """
    outcome.require(not others, "the store holds nothing that nobody sent", others)
    twice = [digest for digest, times in stored.items() if times > 1]
    outcome.require(not twice, "acknowledged inputs exactly once in the store", f"more than once: {twice[:_SHOWN]}")
    lost = [one for one in asked if one.acknowledged and not stored.get(one.sha256, 0)]
    if leave.lost_by_broker:  # what was answered had come, and is the device's to keep
        outcome.count("inputs that a killed broker took along", sum(not one.answers for one in lost))
        lost = [one for one in lost if one.answers]
    told = f"{len(lost)} are not there, of which {leave.not_kept} were said not to be: "
    told += str([one.number for one in lost[:_SHOWN]])
    outcome.require(len(lost) <= leave.not_kept, "acknowledged inputs exactly once in the store", told)
    outcome.count("inputs in the store", sum(stored.get(one.sha256, 0) for one in asked))
