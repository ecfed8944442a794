"""The play: it streams pictures through the acts, and has the scenes of acts played beside them.

At last the link is mended, and the play is over when the cloud has all that the devices kept.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from scripts.roost_demo.acts import PRIMARY, Act, SceneName, acts
from scripts.roost_demo.agreement import Agreement, agreement_line, shares_process, total
from scripts.roost_demo.dirty_lens import DIRTY, DirtyLens
from scripts.roost_demo.faults import Fault, FaultKind
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.labeller import Labeller
from scripts.roost_demo.new_versions import NewVersions
from scripts.roost_demo.outcomes import Outcome, first_answer_s, summarise
from scripts.roost_demo.pictures import Album, Picture
from scripts.roost_demo.recovery import Phase, accuracies
from scripts.roost_demo.report import act_line, drained_line
from scripts.roost_demo.scene import Scene
from scripts.roost_demo.screen import Screen
from scripts.roost_demo.spools import Spools
from scripts.roost_demo.story import Refined, RolledOut, Story, Worse
from scripts.roost_demo.stream import Stream

__all__ = ["Play"]

_FEWEST_SECONDS_OF_PATIENCE: Final = 3.0
_DEADLINES_OF_PATIENCE: Final = 10
_LONGER_S: Final = 15.0  # than its time an act may take to show what it is for, on a machine with too much to do
_SCENE_S: Final = 240.0  # the same, where something goes on beside that takes its time
_LOOK_EVERY_S: Final = 1.0  # at what the devices say of themselves


class Play:
    """Streams pictures through the acts and keeps what became of them.

    Args:
        house: where it plays, running.
        album: the task, and its labels.
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
        story: what comes of that; None: the primary is none that can be refined.
    """

    def __init__(
        self, house: House, album: Album, deadline_ms: int, pictures: Iterator[Picture], screen: Screen
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.acts: list[dict[str, Any]] = []
        self.agreement: dict[str, Agreement] = {}
        self.shared = False
        self.began: list[datetime] = []
        task, whole = album.task, bool(house.in_cloud)
        self.spools = Spools(house, task, datetime.now(UTC))
        self.new_versions = NewVersions(house, takes_better=not whole)
        self.dirty_lens = DirtyLens(house, task, cleans=not whole)
        self.story = Story(house, task, album.labels, Labeller(house, task, self._truth)) if whole else None
        self._scenes: dict[SceneName, Scene] = {"new_versions": self.new_versions, "dirty_lens": self.dirty_lens}
        if self.story is not None:
            self._scenes["refined"] = Refined(self.story)
            self._scenes["rolled_out"] = RolledOut(self.story, self.new_versions)
            self._scenes["worse"] = Worse(self.story)
        self._house = house
        self._task = task
        self._screen = screen
        self._pictures = pictures
        self._acts = acts(joined=bool(house.in_cloud), whole=whole)
        self._sent: dict[str, Picture] = {}  # by digest
        self._look_at_s = 0.0
        self._patience_s = max(_FEWEST_SECONDS_OF_PATIENCE, _DEADLINES_OF_PATIENCE * deadline_ms / 1000)

    def perform(self, seconds: float, rate: float) -> None:
        """Play all acts, in `seconds`, at `rate` pictures a second on each device."""
        self.dirty_lens.settle()
        if self.story is not None:
            self.story.settle()
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
                longer_s=_SCENE_S if act.scene else _LONGER_S,
            )
            strikes = {device: fault.strikes for device, fault in zip(DEVICES, faults, strict=False)}
            self._conclude(number, act, began_s, strikes)
        self._screen.note("Then the link is mended, and the pictures have stopped.")
        self.spools.drain(self.outcomes, self._look)
        self._tell_of_spools()
        self._screen.note("   " + drained_line(self.spools.arrived, self.spools.drained_s))

    @property
    def accuracy(self) -> dict[Phase, float | None]:
        """Of the cameras whose lenses got dirty: before, with dirt, and with the refined head."""
        titles: dict[str, Phase] = {"asking": "before", "all well": "before", "dirty": "drifted", "refined": "drifted"}
        if self.story is not None and self.story.good is not None and self.story.good.state == "finished":
            titles["worse"] = "after"
        phases = {number: titles[act.title] for number, act in enumerate(self._acts, 1) if act.title in titles}
        learnt = {self._sent[one].number for one in (() if self.story is None else self.story.labeller.digests)}
        since_s = self.dirty_lens.since_s
        counted = [one for one in self.outcomes if phases.get(one.act) != "drifted" or one.ended_s > since_s]
        return accuracies(counted, phases, DIRTY, learnt)

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
        renewal = next(place for place, act in enumerate(self._acts) if act.scene == "new_versions")
        return self.began[renewal - 1], self.began[renewal]

    def _begin(self, act: Act) -> None:
        self.began.append(datetime.now(UTC))
        if act.joins:
            self._house.run_in_cloud()
        elif act.scene is not None:
            self._scenes[act.scene].start()
        elif act.cut:
            self.dirty_lens.clean()
            self._house.link.cut()
            self._look()
            self.spools.cut()

    def _has_shown(self, act: Act, number: int) -> bool:
        """Whether there was to see what the act is for."""
        if act.cut:
            return self.spools.have_grown()
        if act.scene is not None:
            return self._scenes[act.scene].is_over
        return act.until is None or len(self._first_answers_s(act.until, number)) == len(DEVICES)

    def _first_answers_s(self, contestant: str, number: int) -> dict[str, float]:
        return first_answer_s((one for one in self.outcomes if one.act == number), contestant)

    def _conclude(self, number: int, act: Act, began_s: float, strikes: dict[str, int]) -> None:
        outcomes = [one for one in self.outcomes if one.act == number]
        seconds = round(time.monotonic() - began_s, 1)
        extra: dict[str, Any] = {"title": act.title, "seconds": seconds, "strikes": strikes}
        if act.until == PRIMARY:
            back = self._first_answers_s(PRIMARY, number)
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
        for scene in self._scenes.values():
            scene.hear(self._say)

    def _say(self, text: str) -> None:
        self._screen.note(f"   {text}")

    def _truth(self) -> dict[str, str]:
        return {digest: picture.label for digest, picture in dict(self._sent).items()}

    def _on_outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._sent[hashlib.sha256(outcome.picture.payload).hexdigest()] = outcome.picture
        self._screen.show(outcome)
