"""Two of the cameras get a dirty lens, and somebody waits until the cloud has noticed which, and what is wrong.

Decisions are far shorter than anywhere else, so that a demo shows what takes days.
"""

import io
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from PIL import Image, ImageEnhance, ImageFilter

from roost_shared.errors import TransportError
from scripts.roost_demo.agent_toml import WINDOW_S
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.scene import Scene
from scripts.roost_demo.told import Alarm

__all__ = ["DIRTY", "DirtyLens", "through_dirt"]

DIRTY: Final = DEVICES[1:3]
_DECISION_INPUTS: Final = 20
_COMMISSIONING: Final = 16  # decisions: of two cameras enough to tell a threshold for this budget
_BUDGET: Final = 600.0  # false alarms a week, of decisions of a second each: one in some dozens of demos
_INPUT: Final = "input"
_PATIENCE_S: Final = 110.0
_LOOK_EVERY_S: Final = 1.0
_SHOWN: Final = 3  # samples


class NotNoticedError(TransportError):
    """The cloud has not said in time what the demo waits for."""

    code = "demo.drift"


def through_dirt(picture: Picture) -> Picture:
    """What a camera with a dirty lens sees: blurred, and with little contrast."""
    with Image.open(io.BytesIO(picture.payload)) as image:
        seen = image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()
    blur = max(seen.size) / 9
    dirty = ImageEnhance.Contrast(seen.filter(ImageFilter.GaussianBlur(blur))).enhance(0.7)
    file = io.BytesIO()
    dirty.save(file, "PNG")
    return replace(picture, payload=file.getvalue())


class DirtyLens(Scene):
    """The scene.

    Args:
        house: whose cameras they are.
        task: what they ask.
        cleans: whether somebody cleans the lenses once they were named.

    Attributes:
        since: when the lenses got dirty; None: they have not.
        since_s: the same, seconds on the monotonic clock.
    """

    def __init__(self, house: House, task: str, *, cleans: bool) -> None:
        super().__init__()
        self._house = house
        self._task = task
        self._cleans = cleans
        self._alarms: list[Alarm] = []
        self._noticed_s: float | None = None
        self.since: datetime | None = None
        self.since_s = math.inf

    @property
    def as_expected(self) -> bool:
        """Whether those cameras were named, and no other."""
        return sorted(one.device for one in self._alarms) == sorted(DIRTY)

    def settle(self) -> None:
        """Say how short decisions shall be; before the devices begin."""
        self._house.cloud.set_drift(
            alarms_a_week=_BUDGET,
            decision_inputs=_DECISION_INPUTS,
            decision_seconds=1.0,
            commissioning_windows=_COMMISSIONING,
            commissioning_days=0.0,
        )

    def describe(self) -> dict[str, Any]:
        """Its part of the report.

        `dirty`: the cameras; `alarms` of inputs: `device`, `summary`, `moved` (`word`, `deviations`) and `samples`;
        `noticed_s`: from the first dirty picture until the cloud had named all of them, null if it has not;
        `delay_windows`: the same in windows of a device, until the later alarm was opened; `since`: that picture;
        `as_expected`: them, and no other; `error`: why the scene was given up, null if it was not.
        """
        return {
            "dirty": list(DIRTY),
            "alarms": [
                {
                    "device": one.device,
                    "summary": one.summary,
                    "moved": [{"word": moved.word, "deviations": moved.deviations} for moved in one.moved],
                    "samples": [f"{sample.device}/{sample.sample}" for sample in one.samples],
                }
                for one in self._alarms
            ],
            "noticed_s": self._noticed_s,
            "delay_windows": self._delay_windows(),
            "since": None if self.since is None else self.since.isoformat(),
            "as_expected": self.as_expected,
            "error": self.error,
        }

    def play(self) -> None:
        """Wait until every camera is known well enough, dirty two, and wait for the alarms."""
        self.say(
            f"decisions take {_DECISION_INPUTS} inputs here, and a baseline {_COMMISSIONING} of them; elsewhere an "
            "hour, and a week"
        )
        self._wait("every camera be commissioned", self._all_commissioned)
        for sensor in self._house.sensors:
            if sensor.device in DIRTY:
                sensor.lens = through_dirt
        self.say(f"the lenses of {' and '.join(DIRTY)} are dirty from now on")
        self.since, self.since_s = datetime.now(UTC), time.monotonic()
        self._wait(f"{' and '.join(DIRTY)} be named", self._all_named)
        self._noticed_s = round(time.monotonic() - self.since_s, 1)
        for alarm in self._alarms:
            self.say(f"ALARM {alarm.device}: {alarm.summary}")
            shown = ", ".join(f"{one.device}/{one.sample}" for one in alarm.samples[:_SHOWN])
            self.say(f"      shown by {shown or 'no sample yet'}; roost drift explain {alarm.id}")
        if self._cleans:
            self.clean()

    def clean(self) -> None:
        """Have somebody clean the lenses, if they are dirty still."""
        if not any(sensor.lens for sensor in self._house.sensors):
            return
        for sensor in self._house.sensors:
            sensor.lens = None
        self.say("somebody cleans the lenses")

    def _delay_windows(self) -> int | None:
        if self.since is None or not self._alarms:
            return None
        return math.ceil(max(one.opened_at - self.since for one in self._alarms).total_seconds() / WINDOW_S)

    def _all_commissioned(self) -> bool:
        wanted = set(DEVICES)
        for stream in self._house.cloud.drift(self._task):
            if any(
                kind.kind == _INPUT and kind.standing not in ("commissioning", "not_judged") for kind in stream.kinds
            ):
                wanted.discard(stream.device)
        return not wanted

    def _all_named(self) -> bool:
        self._alarms = self._named()
        return {one.device for one in self._alarms} >= set(DIRTY)

    def _named(self) -> list[Alarm]:
        return sorted(self._house.cloud.alarms(self._task, _INPUT), key=lambda one: one.device)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() >= give_up_s:
                raise NotNoticedError(f"waited {_PATIENCE_S:g} s in vain to have {what}")
            time.sleep(_LOOK_EVERY_S)
