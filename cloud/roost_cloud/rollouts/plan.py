"""What people write of a rollout: which bundle takes whose place, in which stages, and when to stop. Pure.

task = "meter"
contestant = "primary"          # whose bundle is replaced
bundle = "meter:8"              # NAME:VERSION, or NAME@ALIAS: where that points when the rollout is started
rate_per_hour = 500
[[stages]]
name = "shadow"
mode = "shadow"                 # it scores beside the one it shall replace, and answers nothing
share = 0.05                    # of the fleet, by a stable hash; or selector = "site=north", or devices = ["cam-01"]
[[stages]]
name = "all"
mode = "active"
share = 1.0
approval = true                 # a person says when it may begin

A stage reaches what the stages before it have reached, too. Its mode never goes back from active to shadow.
"""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from roost_cloud.fleet.labels import KEY_PATTERN, LabelError, parse_selector
from roost_cloud.registry.reference import BadReferenceError, Reference, parse_reference
from roost_shared.errors import ContentError
from roost_shared.topics import is_name

__all__ = ["BadPlanError", "GateSettings", "Mode", "Plan", "Retry", "Stage", "Window", "is_open", "read_plan"]

Mode = Literal["shadow", "active"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Share = Annotated[float, Meta(ge=0, le=1)]
Chance = Annotated[float, Meta(gt=0, lt=1)]
Seconds = Annotated[float, Meta(ge=0, le=366 * 86_400)]
_ROUNDING: Final = 1e-9
_DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BadPlanError(ContentError):
    """A rollout's plan contradicts itself; says where and what to write instead."""

    code = "rollout.plan"

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the fleet, and what it takes to go on from there.

    Attributes:
        name: for people.
        mode: what the candidate does on its devices.
        share: of the fleet that it reaches, by a stable hash of device and rollout.
        selector: it reaches devices with this label, `key=value`.
        devices: it reaches these.
        success: share of the devices that came to an end which must have confirmed.
        failure: the rollout stops when a larger share of them failed.
        minimum: so many must have come to an end before either is asked.
        hold_s: how long the stage lasts at least, in seconds.
        approval: a person has to say that it may begin.
        gated: safety, surprise and quality among live inputs must speak for the candidate before the next stage;
            None: in shadow mode, yes.
    """

    name: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,62}\Z")]
    mode: Mode = "active"
    share: Share | None = None
    selector: Annotated[str, Meta(max_length=320)] | None = None
    devices: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()
    success: Share = 0.95
    failure: Share = 0.05
    minimum: Annotated[int, Meta(ge=1)] = 1
    hold_s: Seconds = 0
    approval: bool = False
    gated: bool | None = None

    @property
    def asks_gate(self) -> bool:
        """Whether the gate has to let the rollout on."""
        return self.mode == "shadow" if self.gated is None else self.gated


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failures that are worth another try.

    Attributes:
        code: of the failure; one that ends in a dot means all that begin so.
        attempts: in all.
        after_s: how long to wait before the next, in seconds.
    """

    code: Annotated[str, Meta(min_length=1, max_length=100)]
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    after_s: Seconds = 600

    def matches(self, code: str) -> bool:
        """Whether it speaks of a failure."""
        return code.startswith(self.code) if self.code.endswith(".") else code == self.code


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times at which devices may be started: from `start` to `end`, past midnight if `end` is the earlier.

    Attributes:
        days: on which it begins.
        start: `HH:MM`.
        end: `HH:MM`, not included.
        zone: whose clock that is, by its IANA name.
    """

    days: Annotated[tuple[Day, ...], Meta(min_length=1)] = _DAYS
    start: Annotated[str, Meta(pattern=r"\A([01]\d|2[0-3]):[0-5]\d\Z")]
    end: Annotated[str, Meta(pattern=r"\A([01]\d|2[0-3]):[0-5]\d\Z")]
    zone: str = "UTC"


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the gate lets a candidate on, and when it stops it.

    Attributes:
        trip_alpha: chance of stopping a candidate for a fault that it does not have.
        pass_alpha: chance of letting on a candidate that is worse.
        margin: of disagreement above what the bundle predicts.
        predicted: disagreement to expect where the bundle predicts none; None: surprise is not asked then.
        epsilon: share of disagreement that is harmless whoever is right.
        inputs: that the candidate must have scored before it is let on, on all devices together.
        coverage: share of inputs that the shadow must have scored before anything is concluded.
        crash_rate: share of inputs at which it may crash or say what is no score.
        slow_share: share of its scores that may take longer than the time there is.
        thin: one of so many inputs counts: those that follow each other are much alike.
        cohort: the key of the devices' label whose values tell apart those that see alike, such as a site's; what
            goes wrong for all of one value stops the candidate, however few they are among all. None: all are alike.
    """

    trip_alpha: Chance = 0.01
    pass_alpha: Chance = 0.05
    margin: Share = 0.05
    predicted: Share | None = None
    epsilon: Chance = 0.02
    inputs: Annotated[int, Meta(ge=0)] = 1000
    coverage: Share = 0.95
    crash_rate: Chance = 0.005
    slow_share: Chance = 0.10
    thin: Annotated[int, Meta(ge=1, le=10_000)] = 1
    cohort: Annotated[str, Meta(pattern=rf"\A{KEY_PATTERN}\Z")] | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that people say of a rollout.

    Attributes:
        task: whose contestant it is about.
        contestant: whose bundle is replaced.
        bundle: the candidate.
        stages: in order.
        timeout_s: within which a device that has acknowledged must have come to an end, in seconds.
        unreachable_s: after which a device that has not acknowledged holds nobody up, in seconds.
        retries: failures worth another try.
        windows: when devices may be started; none: at any time. The way back knows no window.
        rate_per_hour: how many may be started within an hour; None: any number.
        gate: when the gate lets it on.
    """

    task: str
    contestant: str
    bundle: Annotated[str, Meta(max_length=130)]
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1, max_length=32)]
    timeout_s: Annotated[float, Meta(gt=0, le=366 * 86_400)] = 6 * 3600
    unreachable_s: Annotated[float, Meta(gt=0, le=366 * 86_400)] = 3600
    retries: Annotated[tuple[Retry, ...], Meta(max_length=64)] = (
        Retry(code="download."),
        Retry(code="install.interrupted"),
    )
    windows: Annotated[tuple[Window, ...], Meta(max_length=64)] = ()
    rate_per_hour: Annotated[int, Meta(ge=1)] | None = None
    gate: GateSettings = GateSettings()

    @property
    def reference(self) -> Reference:
        """The candidate, as people name it."""
        return parse_reference(self.bundle)

    def retry_for(self, code: str) -> Retry | None:
        """What is said of a failure: the first that speaks of it."""
        return next((one for one in self.retries if one.matches(code)), None)


def read_plan(raw: Any) -> Plan:
    """A plan, checked whole, but for what the registry knows.

    Args:
        raw: JSON's or TOML's data.

    Raises:
        BadPlanError: something is wrong with it; says where.
    """
    try:
        plan = msgspec.convert(raw, Plan)
    except msgspec.ValidationError as error:
        raise BadPlanError("plan", str(error)) from error
    for key, name in (("task", plan.task), ("contestant", plan.contestant)):
        if not is_name(name):
            raise BadPlanError(key, f"{name!r} is no name")
    try:
        parse_reference(plan.bundle)
    except BadReferenceError as error:
        raise BadPlanError("bundle", str(error)) from error
    _check_stages(plan.stages)
    for place, window in enumerate(plan.windows):
        _check_window(f"windows[{place}]", window)
    return plan


def is_open(windows: Sequence[Window], now: datetime) -> bool:
    """Whether devices may be started now: always, if there is no window."""
    return not windows or any(_holds(one, now) for one in windows)


def _holds(window: Window, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(window.zone))
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if start < end:
        return today in window.days and start <= local.time() < end
    return (today in window.days and local.time() >= start) or (yesterday in window.days and local.time() < end)


def _check_stages(stages: Sequence[Stage]) -> None:
    names: set[str] = set()
    reached: dict[Mode, float] = {"shadow": 0.0, "active": 0.0}
    for place, stage in enumerate(stages):
        key = f"stages[{place}]"
        if stage.name in names:
            raise BadPlanError(f"{key}.name", f"there is another {stage.name!r}")
        names.add(stage.name)
        if stage.mode == "shadow" and any(one.mode == "active" for one in stages[:place]):
            raise BadPlanError(f"{key}.mode", "a stage before it is active: what answers is not made a shadow again")
        if stage.success + stage.failure > 1 + _ROUNDING:
            raise BadPlanError(f"{key}.success", "with failure it comes to more than 1: both could hold at once")
        _check_reach(key, stage, reached[stage.mode])
        reached[stage.mode] = max(reached[stage.mode], stage.share or 0.0)


def _check_reach(key: str, stage: Stage, reached: float) -> None:
    if [stage.share is not None, stage.selector is not None, bool(stage.devices)].count(True) != 1:
        raise BadPlanError(key, "give one of share, selector and devices")
    if stage.share is not None and stage.share <= reached:
        raise BadPlanError(f"{key}.share", f"{stage.share:g} reaches nobody new: give more than {reached:g}")
    if stage.selector is not None:
        try:
            parse_selector(stage.selector)
        except LabelError as error:
            raise BadPlanError(f"{key}.selector", str(error)) from error
    for device in stage.devices:
        if not is_name(device):
            raise BadPlanError(f"{key}.devices", f"{device!r} is no device's name")


def _check_window(key: str, window: Window) -> None:
    if window.start == window.end:
        raise BadPlanError(key, f"it is open from {window.start} to {window.end}, that is never")
    try:
        ZoneInfo(window.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadPlanError(f"{key}.zone", f"{window.zone!r} is no IANA time zone that is known here") from error
