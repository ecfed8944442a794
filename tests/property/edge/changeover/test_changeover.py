"""Whatever happens in whatever order, a device runs what is in force or can return to it, and every trial ends."""

from collections.abc import Callable
from functools import partial

from hypothesis import example, given, settings
from hypothesis import strategies as st

from roost_edge.changeover.changeover import Changeover, Confirm, Effect, PutInForce, Start, Swap, SwapBack, TakeBack
from roost_shared.messages import ErrorInfo

BAD = ErrorInfo("install.slow", "too slow")
EVENTS = st.sampled_from(
    ["stage", "stage_new_task", "ready", "ready_alone", "bad", "enough", "answer", "answer_late", "killed", "refused"]
)


class Device:
    """A changeover, an installer that does what it is told and may die before it says so, and what answers."""

    def __init__(self) -> None:
        self.changeover = Changeover(in_force=1)
        self.in_force, self.previous, self.confirmed = 1, 0, True  # as the disk has it
        self.answering = 1
        self.newest = 1
        self.begun: set[int] = set()
        self.proven: set[int] = {1}
        self.taken_back: set[int] = set()
        self.mail: list[Effect] = []  # told, and not acknowledged

    def happen(self, event: str) -> None:
        change = self.changeover
        match event:
            case "stage" | "stage_new_task":
                self.newest += 1
                self.carry_out(change.staged(self.newest, replaces_all=event == "stage"))
            case "ready" | "ready_alone":
                self.carry_out(change.started(shadows=event == "ready"))
            case "bad":
                self.carry_out(change.bad(BAD))
            case "enough":
                self.carry_out(change.enough())
            case "refused" if change.phase in ("starting", "shadowing", "committing"):
                self.carry_out(change.refused(change.trial, BAD))
            case "answer":
                self.work(acknowledge=True)
            case "answer_late":
                self.work(acknowledge=False)
            case "killed":
                self.mail.clear()
                self.carry_out(change.installer_ready())

    def work(self, *, acknowledge: bool) -> None:
        """The installer does the next thing, durably; it may die before it says so."""
        if not self.mail:
            return
        said = self.obey(self.mail.pop(0))
        if acknowledge:
            self.carry_out(said())

    def obey(self, effect: Effect) -> Callable[[], list[Effect]]:
        """Do what was told, as the installer does; what it will say of that."""
        change = self.changeover
        match effect:
            case PutInForce(version):
                if version not in (self.in_force, self.newest):  # a newer one has been believed
                    return partial(change.refused, version, BAD)
                if version != self.in_force:
                    self.in_force, self.previous, self.confirmed = version, self.in_force, False
                return partial(change.is_in_force, version)
            case Confirm(version):
                assert version == self.in_force
                self.confirmed = True
                self.proven.add(version)
                return partial(change.confirmed, version)
            case TakeBack(version):
                if version == self.in_force:
                    self.in_force, self.previous, self.confirmed = self.previous, 0, True
                self.taken_back.add(version)
                return partial(change.taken_back, version, self.in_force)
        raise AssertionError(effect)

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Start(version):
                    assert version not in self.begun, "no version is tried twice"
                    self.begun.add(version)
                case Swap(version):
                    assert version == self.in_force, "only what is in force begins to answer"
                    self.answering = version
                case SwapBack(version):
                    assert version == self.answering
                    self.answering = self.previous
                case PutInForce() | Confirm() | TakeBack():
                    self.mail.append(effect)
                case _:
                    pass

    def check(self) -> None:
        change = self.changeover
        assert self.answering == change.answering
        assert not self.proven & self.taken_back, "no version is both confirmed and taken back"
        assert self.answering in self.proven or self.answering == self.in_force, "unproven answers only in force"
        if self.answering not in self.proven:
            assert self.previous in self.proven, "an unproven one has a proven one behind it"
        assert self.answering in (self.in_force, self.previous), "an answer is of a plan on the disk"


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40))
@example(["stage", "ready_alone", "stage", "answer", "killed"])  # a refusal crosses the word that it is taken back
def test_a_proven_version_is_always_there_and_every_trial_ends_once(events: list[str]) -> None:
    device = Device()
    for event in events:
        device.happen(event)
        device.check()
    for _ in range(6):  # whatever is on its way comes to its end, once nothing goes wrong any more
        for event in ("killed", "answer", "ready", "enough", "answer", "enough", "answer"):
            device.happen(event)
            device.check()
    assert device.changeover.phase == "idle"
    assert device.begun == (device.proven | device.taken_back) - {1}
    assert device.answering == device.in_force
    assert device.answering in device.proven
    assert device.confirmed
