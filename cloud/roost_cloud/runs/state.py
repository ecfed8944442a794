"""What becomes of a training run. Pure.

    proposed ─approve─▶ queued ─claim─▶ preparing ─train─▶ training ─judge─▶ judging ─register─▶ registered
                         ▲  ▲               │                                  ├─refuse─▶ refused
                         │  └supply─ waiting ◀lack                             └─pass─▶ passed
                         │          (for labels)                                          │ approve
                         └─ retry: from preparing, training, judging                  approved ─register─▶ registered

A policy that only tells has its runs `proposed`, and no more is done until a person approves.
`passed` waits for a person, who lets the candidate be registered; `approved` waits for a worker that does it. Whatever
has not ended may be cancelled at any moment.

>>> move("queued", "claim"), move("judging", "retry"), move("approved", "retry")
('preparing', 'queued', 'approved')
>>> move("registered", "cancel")
Traceback (most recent call last):
...
roost_cloud.runs.state.RunStateError: the run is registered: it cannot be cancelled
"""

from typing import Final, Literal, get_args

from roost_cloud.errors import ConflictError

__all__ = ["CLAIMABLE", "ENDED", "STATES", "WORKING", "Move", "RunStateError", "State", "move", "orders"]

State = Literal[
    "proposed",
    "waiting",
    "queued",
    "preparing",
    "training",
    "judging",
    "passed",
    "approved",
    "registered",
    "refused",
    "failed",
    "cancelled",
]
Move = Literal[
    "approve", "lack", "supply", "claim", "train", "judge", "pass", "refuse", "register", "retry", "fail", "cancel"
]

STATES: Final[tuple[State, ...]] = get_args(State)
ENDED: Final[frozenset[State]] = frozenset({"registered", "refused", "failed", "cancelled"})
CLAIMABLE: Final[frozenset[State]] = frozenset({"queued", "approved"})
WORKING: Final[frozenset[State]] = frozenset({"preparing", "training", "judging", "approved"})  # as long as leased

_MOVES: Final[dict[Move, dict[State, State]]] = {
    "approve": {"proposed": "queued", "passed": "approved"},
    "lack": {"preparing": "waiting"},
    "supply": {"waiting": "queued"},
    "claim": {"queued": "preparing", "approved": "approved"},
    "train": {"preparing": "training"},
    "judge": {"training": "judging"},
    "pass": {"judging": "passed"},
    "refuse": {"judging": "refused"},
    "register": {"judging": "registered", "approved": "registered"},
    "retry": {"preparing": "queued", "training": "queued", "judging": "queued", "approved": "approved"},
    "fail": dict.fromkeys(("preparing", "training", "judging", "approved"), "failed"),
    "cancel": dict.fromkeys((state for state in STATES if state not in ENDED), "cancelled"),
}
_OF_PEOPLE: Final[tuple[Move, ...]] = ("approve", "cancel")
_DONE: Final[dict[Move, str]] = {
    "approve": "approved",
    "lack": "sent to wait for labels",
    "supply": "queued",
    "claim": "claimed",
    "train": "trained",
    "judge": "judged",
    "pass": "let pass",
    "refuse": "refused",
    "register": "registered",
    "retry": "tried again",
    "fail": "given up",
    "cancel": "cancelled",
}


class RunStateError(ConflictError):
    """A run is in a state from which that way does not lead."""

    code = "run.state"

    def __init__(self, state: State, by: Move) -> None:
        super().__init__(f"the run is {state}: it cannot be {_DONE[by]}")
        self.state = state
        self.move = by


def move(state: State, by: Move) -> State:
    """The state that a move leads to.

    Raises:
        RunStateError: it leads nowhere from there.
    """
    after = _MOVES[by].get(state)
    if after is None:
        raise RunStateError(state, by)
    return after


def orders(state: State) -> list[Move]:
    """What a person may do to a run in a state.

    >>> orders("passed"), orders("training"), orders("failed")
    (['approve', 'cancel'], ['cancel'], [])
    """
    return [one for one in _OF_PEOPLE if state in _MOVES[one]]
