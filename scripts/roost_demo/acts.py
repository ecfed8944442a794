"""The acts of the play, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scripts.roost_demo.dirty_lens import DIRTY
from scripts.roost_demo.faults import FaultKind
from scripts.roost_demo.house import DEVICES

__all__ = ["CLOUD", "PRIMARY", "Act", "SceneName", "acts"]

SceneName = Literal["new_versions", "dirty_lens", "refined", "rolled_out", "worse"]
PRIMARY: Final = "primary"
CLOUD: Final = "cloud"


@dataclass(frozen=True)
class Act:
    """One of them.

    Attributes:
        title: in a word or two.
        tells: what happens, in a sentence.
        share: of the demo's time.
        faults: one for each device, from the first on.
        until: the contestant that has answered on each device before the act ends.
        joins: the cloud does.
        scene: that goes on beside the pictures; the act ends with it.
        cut: the link to the cloud is; the act ends once each device keeps more than it can send.
    """

    title: str
    tells: str
    share: float
    faults: tuple[FaultKind, ...] = ()
    until: str | None = None
    joins: bool = False
    scene: SceneName | None = None
    cut: bool = False


_DIRTY: Final = " and ".join(DIRTY)
_BEGINNING: Final = (
    Act("all well", "All devices answer from their primary, a good model.", 0.15),
    Act(
        "broken",
        f"The primary hangs on {DEVICES[0]} and is killed on {DEVICES[1]}, again whenever it comes back.",
        0.3,
        ("hang", "kill"),
    ),
    Act("recovered", "The primaries are left alone; the agents start them again.", 0.15, until=PRIMARY),
)
_JOINED: Final = Act(
    "asking",
    "The cloud runs a larger model now; it is asked where the primary is unsure.",
    0.2,
    until=CLOUD,
    joins=True,
)
_RENEWED: Final = Act(
    "renewed",
    "The primary gets a successor on all devices; a tampered one and a slow one shall not follow.",
    0.05,
    scene="new_versions",
)
_TRIED: Final = Act(
    "refused",
    "Two are to take the primary's place that nobody shall take: a tampered one and a slow one.",
    0.05,
    scene="new_versions",
)
_DIRTIED: Final = Act(
    "dirty",
    f"The lenses of {_DIRTY} get dirty; the cloud shall notice which, and what is wrong.",
    0.05,
    scene="dirty_lens",
)
_STORY: Final = (
    Act(
        "refined",
        "Nobody cleans them: a person labels what they saw, and the primary's head learns it.",
        0.05,
        scene="refined",
    ),
    Act(
        "rollout",
        f"The refined one: a shadow on {_DIRTY}, then on {DIRTY[0]} it answers, then on all.",
        0.05,
        scene="rolled_out",
    ),
    Act(
        "worse",
        "Two more candidates, who learnt wrong labels: the gate stops one, and live inputs the other.",
        0.05,
        scene="worse",
    ),
)
_CUT: Final = Act(
    "cut off", "The link to the cloud swallows every packet, and says nothing. What is kept waits.", 0.1, cut=True
)


def acts(*, joined: bool, whole: bool) -> Sequence[Act]:
    """The acts.

    Args:
        joined: whether there is a model for the cloud.
        whole: whether the primary is one that can be refined: then what comes of an alarm is told to its end.
    """
    middle = (_TRIED, _DIRTIED, *_STORY) if whole else (_RENEWED, _DIRTIED)
    return (*_BEGINNING, *((_JOINED,) if joined else ()), *middle, _CUT)
