"""The play in five acts: all well, the primaries broken, recovered, the cloud asked, the link to it cut."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from scripts.roost_demo.agreement import Agreement, agreement_line, shares_process, total
from scripts.roost_demo.faults import Fault, FaultKind
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.outcomes import Outcome, first_answer_s, summarise
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.report import act_line
from scripts.roost_demo.screen import Screen
from scripts.roost_demo.stream import Stream

__all__ = ["Play"]

_FEWEST_SECONDS_OF_PATIENCE: Final = 3.0
_DEADLINES_OF_PATIENCE: Final = 10
_LONGER_S: Final = 15.0  # than its time an act may take to show what it is for, on a machine with too much to do
_LOOK_EVERY_S: Final = 1.0  # at what the devices count of agreement
_PRIMARY: Final = "primary"
_CLOUD: Final = "cloud"


@dataclass(frozen=True)
class _Act:
    title: str
    tells: str
    share: float  # of the demo's time
    faults: tuple[FaultKind, ...] = ()  # one for each device
    until: str | None = None  # the contestant that has answered on each device before the act ends
    cloud: Literal["joins", "leaves"] | None = None


_ACTS: Final = (
    _Act("all well", "Both devices answer from their primary, a good model.", 0.2),
    _Act(
        "broken",
        f"The primary hangs on {DEVICES[0]} and is killed on {DEVICES[1]}, again whenever it comes back.",
        0.35,
        ("hang", "kill"),
    ),
    _Act("recovered", "The primaries are left alone; the agents start them again.", 0.15, until=_PRIMARY),
    _Act(
        "asking",
        "The cloud runs a larger model now; it is asked where the primary is unsure.",
        0.2,
        until=_CLOUD,
        cloud="joins",
    ),
    _Act("cut off", "The link to the cloud swallows every packet, and says nothing.", 0.1, cloud="leaves"),
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
    """

    def __init__(self, house: House, task: str, deadline_ms: int, pictures: Iterator[Picture], screen: Screen) -> None:
        self.outcomes: list[Outcome] = []
        self.acts: list[dict[str, Any]] = []
        self.agreement: dict[str, Agreement] = {}
        self.shared = False
        self._house = house
        self._task = task
        self._screen = screen
        self._pictures = pictures
        self._acts = [act for act in _ACTS if act.cloud is None or house.in_cloud]
        self._look_at_s = 0.0
        self._patience_s = max(_FEWEST_SECONDS_OF_PATIENCE, _DEADLINES_OF_PATIENCE * deadline_ms / 1000)

    def perform(self, seconds: float, rate: float) -> None:
        """Play all acts, in `seconds`, at `rate` pictures a second on each device."""
        statuses = [self._house.task_status(device) for device in DEVICES]
        self.shared = all(status is not None and shares_process(status["contestants"]) for status in statuses)
        if self.shared:
            self._screen.note("   shadow    shares the primary's base and process on each device")
        stream = Stream(self._house.sensors, self._pictures, self._patience_s, self._on_outcome)
        for number, act in enumerate(self._acts, start=1):
            self._screen.note(f"Act {number}, {act.title}. {act.tells}")
            self._set_cloud(act)
            faults, began_s = self._faults(act.faults), time.monotonic()
            stream.run(
                number,
                act.share * seconds,
                rate,
                partial(self._meanwhile, faults),
                is_enough=None if act.until is None else partial(self._all_answered_by, act.until, number),
                longer_s=_LONGER_S,
            )
            strikes = {device: fault.strikes for device, fault in zip(DEVICES, faults, strict=False)}
            self._conclude(number, act, began_s, strikes)

    @property
    def together(self) -> list[Outcome]:
        """Outcomes while all was well on the devices and the cloud could be asked."""
        numbers = {number for number, act in enumerate(self._acts, start=1) if act.cloud == "joins"}
        return [one for one in self.outcomes if one.act in numbers]

    def go_on(self, rate: float) -> None:
        """Stream to the first device for as long as nobody interrupts, keeping nothing.

        The others are left to whoever joins in, so that every answer there is to an input of theirs.
        """
        self._house.link.mend()
        stream = Stream(self._house.sensors[:1], self._pictures, self._patience_s, self._screen.show)
        stream.run(len(self._acts) + 1, float("inf"), rate, self._house.check)

    def _set_cloud(self, act: _Act) -> None:
        if act.cloud == "joins":
            self._house.run_in_cloud()
        elif act.cloud == "leaves":
            self._house.link.cut()

    def _all_answered_by(self, contestant: str, number: int) -> bool:
        return len(self._first_answers_s(contestant, number)) == len(DEVICES)

    def _first_answers_s(self, contestant: str, number: int) -> dict[str, float]:
        return first_answer_s((one for one in self.outcomes if one.act == number), contestant)

    def _conclude(self, number: int, act: _Act, began_s: float, strikes: dict[str, int]) -> None:
        outcomes = [one for one in self.outcomes if one.act == number]
        extra: dict[str, Any] = {"title": act.title, "strikes": strikes}
        if act.until == _PRIMARY:
            back = self._first_answers_s(_PRIMARY, number)
            extra["primary_back_s"] = {device: round(at_s - began_s, 2) for device, at_s in back.items()}
        self.acts.append(extra)
        self._screen.note("   " + act_line({**summarise(outcomes), **extra}))
        self._look_at_agreement()
        self._screen.note("   " + agreement_line(total(self.agreement.values())))

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
        if time.monotonic() >= self._look_at_s:
            self._look_at_agreement()

    def _look_at_agreement(self) -> None:
        self._look_at_s = time.monotonic() + _LOOK_EVERY_S
        for device in DEVICES:
            status = self._house.task_status(device)
            if status is not None:
                self.agreement[device] = status["agreement"]
        self._screen.stand(agreement_line(total(self.agreement.values())))

    def _on_strike(self, device: str, text: str) -> None:
        self._screen.note(f"   {device}: {text}")

    def _on_outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._screen.show(outcome)
