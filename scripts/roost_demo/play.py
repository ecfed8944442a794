"""The play in seven acts: all well, broken, recovered, asking, renewed, dirty, cut off.

Then the link is mended, and the play is over when the cloud has all that the devices kept.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from scripts.roost_demo.agreement import Agreement, agreement_line, shares_process, total
from scripts.roost_demo.dirty_lens import DIRTY, DirtyLens
from scripts.roost_demo.faults import Fault, FaultKind
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.new_versions import NewVersions
from scripts.roost_demo.outcomes import Outcome, first_answer_s, summarise
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.report import act_line, drained_line
from scripts.roost_demo.screen import Screen
from scripts.roost_demo.spools import Spools
from scripts.roost_demo.stream import Stream

__all__ = ["Play"]

_FEWEST_SECONDS_OF_PATIENCE: Final = 3.0
_DEADLINES_OF_PATIENCE: Final = 10
_LONGER_S: Final = 15.0  # than its time an act may take to show what it is for, on a machine with too much to do
_SCENE_S: Final = 240.0  # the same, where something goes on beside that takes its time
_LOOK_EVERY_S: Final = 1.0  # at what the devices say of themselves
_PRIMARY: Final = "primary"
_CLOUD: Final = "cloud"


@dataclass(frozen=True)
class _Act:
    title: str
    tells: str
    share: float  # of the demo's time
    faults: tuple[FaultKind, ...] = ()  # one for each device
    until: str | None = None  # the contestant that has answered on each device before the act ends
    joins: bool = False  # the cloud
    renews: bool = False  # the primary, as far as the devices let it
    dirties: bool = False  # lenses
    cut: bool = False  # the link to it; the act ends once each device keeps more than it can send


_ACTS: Final = (
    _Act("all well", "All devices answer from their primary, a good model.", 0.15),
    _Act(
        "broken",
        f"The primary hangs on {DEVICES[0]} and is killed on {DEVICES[1]}, again whenever it comes back.",
        0.3,
        ("hang", "kill"),
    ),
    _Act("recovered", "The primaries are left alone; the agents start them again.", 0.15, until=_PRIMARY),
    _Act(
        "asking",
        "The cloud runs a larger model now; it is asked where the primary is unsure.",
        0.2,
        until=_CLOUD,
        joins=True,
    ),
    _Act(
        "renewed",
        "The primary gets a successor on all devices; a tampered one and a slow one shall not follow.",
        0.05,
        renews=True,
    ),
    _Act(
        "dirty",
        f"The lenses of {' and '.join(DIRTY)} get dirty; the cloud shall notice which, and what is wrong.",
        0.05,
        dirties=True,
    ),
    _Act(
        "cut off", "The link to the cloud swallows every packet, and says nothing. What is kept waits.", 0.1, cut=True
    ),
)


class Play:
    """Streams pictures through the acts and keeps what became of them.

    Args:
        house: where it plays, running.
        task: the task the pictures belong to.
        deadline_ms: the task's deadline.
        pictures: what to stream, without end.
        screen: where to show it.

    Attributes:
        outcomes: of every picture of the acts.
        acts: what the report shall say of each act beside its figures.
        agreement: what each device counts of agreement with its answers.
        shared: whether the shadow runs in the primary's process, on all devices.
        began: when each act did.
        spools: what the devices keep, and the cloud has of it.
        new_versions: what the devices make of the primary's successors.
        dirty_lens: what the cloud makes of a world that has changed.
    """

    def __init__(self, house: House, task: str, deadline_ms: int, pictures: Iterator[Picture], screen: Screen) -> None:
        self.outcomes: list[Outcome] = []
        self.acts: list[dict[str, Any]] = []
        self.agreement: dict[str, Agreement] = {}
        self.shared = False
        self.began: list[datetime] = []
        self.spools = Spools(house, task, datetime.now(UTC))
        self.new_versions = NewVersions(house)
        self.dirty_lens = DirtyLens(house, task)
        self._house = house
        self._task = task
        self._screen = screen
        self._pictures = pictures
        self._acts = [act for act in _ACTS if house.in_cloud or not act.joins]
        self._look_at_s = 0.0
        self._patience_s = max(_FEWEST_SECONDS_OF_PATIENCE, _DEADLINES_OF_PATIENCE * deadline_ms / 1000)

    def perform(self, seconds: float, rate: float) -> None:
        """Play all acts, in `seconds`, at `rate` pictures a second on each device."""
        self.dirty_lens.settle()
        statuses = [self._house.task_status(device) for device in DEVICES]
        self.shared = all(status is not None and shares_process(status["contestants"]) for status in statuses)
        if self.shared:
            self._screen.note("   shadow    shares the primary's base and process on each device")
        stream = Stream(self._house.sensors, self._pictures, self._patience_s, self._on_outcome)
        for number, act in enumerate(self._acts, start=1):
            self._screen.note(f"Act {number}, {act.title}. {act.tells}")
            self._begin(act)
            faults, began_s = self._faults(act.faults), time.monotonic()
            stream.run(
                number,
                act.share * seconds,
                rate,
                partial(self._meanwhile, faults),
                is_enough=partial(self._has_shown, act, number),
                longer_s=_SCENE_S if act.renews or act.dirties else _LONGER_S,
            )
            strikes = {device: fault.strikes for device, fault in zip(DEVICES, faults, strict=False)}
            self._conclude(number, act, began_s, strikes)
        self._screen.note("Then the link is mended, and the pictures have stopped.")
        self.spools.drain(self.outcomes, self._look)
        self._tell_of_spools()
        self._screen.note("   " + drained_line(self.spools.arrived, self.spools.drained_s))

    @property
    def together(self) -> list[Outcome]:
        """Outcomes while all was well on the devices and the cloud could be asked."""
        numbers = {number for number, act in enumerate(self._acts, start=1) if act.joins}
        return [one for one in self.outcomes if one.act in numbers]

    def go_on(self, rate: float) -> None:
        """Stream to the first device for as long as nobody interrupts, keeping nothing.

        The others are left to whoever joins in, so that every answer there is to an input of theirs.
        """
        stream = Stream(self._house.sensors[:1], self._pictures, self._patience_s, self._screen.show)
        stream.run(len(self._acts) + 1, float("inf"), rate, self._house.check)

    @property
    def before_renewal(self) -> tuple[datetime, datetime]:
        """Of the last act in which nothing was broken or changed: when it began and ended."""
        renewal = next(place for place, act in enumerate(self._acts) if act.renews)
        return self.began[renewal - 1], self.began[renewal]

    def _begin(self, act: _Act) -> None:
        self.began.append(datetime.now(UTC))
        if act.joins:
            self._house.run_in_cloud()
        elif act.renews:
            self.new_versions.start()
        elif act.dirties:
            self.dirty_lens.start()
        elif act.cut:
            self._house.link.cut()
            self._look()
            self.spools.cut()

    def _has_shown(self, act: _Act, number: int) -> bool:
        """Whether there was to see what the act is for."""
        if act.cut:
            return self.spools.have_grown()
        if act.renews:
            return self.new_versions.is_over
        if act.dirties:
            return self.dirty_lens.is_over
        return act.until is None or len(self._first_answers_s(act.until, number)) == len(DEVICES)

    def _first_answers_s(self, contestant: str, number: int) -> dict[str, float]:
        return first_answer_s((one for one in self.outcomes if one.act == number), contestant)

    def _conclude(self, number: int, act: _Act, began_s: float, strikes: dict[str, int]) -> None:
        outcomes = [one for one in self.outcomes if one.act == number]
        extra: dict[str, Any] = {"title": act.title, "strikes": strikes}
        if act.until == _PRIMARY:
            back = self._first_answers_s(_PRIMARY, number)
            extra["primary_back_s"] = {device: round(at_s - began_s, 2) for device, at_s in back.items()}
        self._hear()
        self.acts.append(extra)
        self._screen.note("   " + act_line({**summarise(outcomes), **extra}))
        self._look()
        self._screen.note("   " + agreement_line(total(self.agreement.values())))
        self.spools.count_in_cloud()
        self._tell_of_spools()

    def _tell_of_spools(self) -> None:
        for line in self.spools.lines():
            self._screen.note(f"   {line}")

    def _faults(self, kinds: Sequence[FaultKind]) -> list[Fault]:
        return [
            Fault(
                self._house.state_dir(device),
                self._task,
                kind,
                partial(self._on_strike, device),
            )
            for device, kind in zip(DEVICES, kinds, strict=False)
        ]

    def _meanwhile(self, faults: Sequence[Fault]) -> None:
        self._house.check()
        for fault in faults:
            fault.step()
        self._hear()
        if time.monotonic() >= self._look_at_s:
            self._look()
            self.spools.glance_at_cloud()

    def _look(self) -> None:
        self._look_at_s = time.monotonic() + _LOOK_EVERY_S
        found = {device: status for device in DEVICES if (status := self._house.status(device)) is not None}
        self.agreement |= {device: status["tasks"][self._task]["agreement"] for device, status in found.items()}
        self.spools.look(found)
        self._screen.stand("\n".join([agreement_line(total(self.agreement.values())), *self.spools.lines()]))

    def _on_strike(self, device: str, text: str) -> None:
        self._say(f"{device}: {text}")

    def _hear(self) -> None:
        for scene in (self.new_versions, self.dirty_lens):
            scene.hear(self._say)

    def _say(self, text: str) -> None:
        self._screen.note(f"   {text}")

    def _on_outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._screen.show(outcome)
