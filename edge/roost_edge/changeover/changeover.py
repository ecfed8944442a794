"""From the assignment that runs to the one that shall: what to do next, and what is told of it. Pure.

    idle ─staged─▶ starting ─started─▶ shadowing ─enough─▶ committing ─in force─▶ watching ─enough─▶ confirming ─▶ idle
                      └──────────────────┴──── anything wrong: returning ────────────┘

- All tasks of an assignment change together, or none does.
- Until the installer has said that a version is in force, durably, the one before it answers; and that one is kept
  warm until the newer is confirmed.
- A version that is staged ends in exactly one of `Confirm` and `TakeBack`, or is passed over for a newer one before
  it was begun. Each is said until the installer has said that it is durable.
- A newer version ends the trial of an older one (`install.superseded`), so that a device always returns to what has
  proven itself and never waits days for a watch to end. Only while the older answers what nobody answered before does
  the newer one wait: with nothing to return to, those tasks would be without answers meanwhile.
- What the installer has forgotten, a damaged disk say, and stages again while it answers, is noted again, untried.

It has no clock: whoever shows it the evidence says what that amounts to, see `judgement`.

>>> changeover = Changeover(in_force=1)
>>> changeover.staged(2, replaces_all=True)
[Start(version=2)]
>>> changeover.started(shadows=False)
[PutInForce(version=2)]
>>> changeover.is_in_force(2)
[Swap(version=2)]
>>> changeover.enough()
[Confirm(version=2)]
>>> changeover.confirmed(2), changeover.phase
([Retire(version=2)], 'idle')
"""

from typing import Final, Literal

import msgspec

from roost_shared.messages import ErrorInfo

__all__ = [
    "SUPERSEDED",
    "Changeover",
    "Confirm",
    "Drop",
    "Effect",
    "Phase",
    "PutInForce",
    "Retire",
    "Shadow",
    "Start",
    "Swap",
    "SwapBack",
    "TakeBack",
]

SUPERSEDED: Final = "install.superseded"

Phase = Literal["idle", "starting", "shadowing", "committing", "watching", "confirming", "returning"]


class Start(msgspec.Struct, frozen=True):
    """Line it up, and start the workers that are new."""

    version: int


class Shadow(msgspec.Struct, frozen=True):
    """Let its contestants score beside those that answer."""

    version: int


class PutInForce(msgspec.Struct, frozen=True):
    """Have the installer put it in force."""

    version: int


class Swap(msgspec.Struct, frozen=True):
    """Let it answer, and what answered before score beside it."""

    version: int


class SwapBack(msgspec.Struct, frozen=True):
    """Let what was before it answer again, at once."""

    version: int


class Confirm(msgspec.Struct, frozen=True):
    """Have the installer note that it has proven itself."""

    version: int


class TakeBack(msgspec.Struct, frozen=True):
    """Have the installer note that it does not work here."""

    version: int
    error: ErrorInfo


class Drop(msgspec.Struct, frozen=True):
    """Its workers that are new are of no use any more."""

    version: int


class Retire(msgspec.Struct, frozen=True):
    """What was before it is of no use any more."""

    version: int


Effect = Start | Shadow | PutInForce | Swap | SwapBack | Confirm | TakeBack | Drop | Retire


class Changeover:
    """Where a device is on its way from one assignment to the next.

    Args:
        in_force: the version in force at the start; 0 for none.
        before: the one to return to; 0 for none.
        confirmed: it has proven itself; else it is watched on.
        replaces_all: what was before it answers all that it does.

    Attributes:
        in_force: the version that a restart would run, as far as the installer has said.
        answering: the version that answers.
        trial: the version that is on its way; 0 for none.
        phase: where on its way it is.
    """

    def __init__(
        self, in_force: int = 0, before: int = 0, *, confirmed: bool = True, replaces_all: bool = True
    ) -> None:
        self.in_force = in_force
        self.answering = in_force
        self.trial = 0 if confirmed else in_force
        self.phase: Phase = "idle" if confirmed else "watching"
        self._before = before  # answers again should the one on trial not do
        self._newest = in_force
        self._waiting = 0
        self._waiting_replaces_all = True
        self._replaces_all = replaces_all
        self._why: ErrorInfo | None = None

    # ---- events

    def staged(self, version: int, *, replaces_all: bool) -> list[Effect]:
        """A version is whole on the disk. What was said before, or is older, is passed over.

        Args:
            version: it.
            replaces_all: each of its tasks is answered by somebody now.
        """
        if version == self.answering and self.phase == "idle":
            return [PutInForce(version)]
        if version <= self._newest:
            return []
        self._newest = self._waiting = version
        self._waiting_replaces_all = replaces_all
        if self.phase == "idle":
            return self._begin()
        if self._may_be_superseded():
            return self._give_up(self._superseded())
        return []

    def started(self, *, shadows: bool) -> list[Effect]:
        """All its new workers are ready; `shadows`: some of its contestants shall prove themselves beside others."""
        if self.phase != "starting":
            return []
        if not shadows:
            return self._commit()
        self.phase = "shadowing"
        return [Shadow(self.trial)]

    def enough(self) -> list[Effect]:
        """It has been seen for long enough, and was well all the time."""
        if self.phase == "shadowing":
            return self._commit()
        if self.phase == "watching":
            self.phase = "confirming"
            return [Confirm(self.trial)]
        return []

    def bad(self, error: ErrorInfo) -> list[Effect]:
        """It does not work here."""
        judged = self.phase in ("starting", "shadowing", "committing", "watching")
        return self._give_up(error) if judged else []

    def is_in_force(self, version: int) -> list[Effect]:
        """The installer has put it in force, durably."""
        if version == self.answering and self.phase == "idle":
            self.in_force = version
            return [Confirm(version)]
        if self.phase != "committing" or version != self.trial:
            return []
        self.in_force = version
        self.phase = "watching"
        self._before, self.answering = self.answering, version
        return [Swap(version)]

    def confirmed(self, version: int) -> list[Effect]:
        """The installer has noted that it has proven itself."""
        if self.phase != "confirming" or version != self.trial:
            return []
        self.phase, self.trial = "idle", 0
        return [Retire(version), *self._begin()]

    def taken_back(self, version: int, in_force: int) -> list[Effect]:
        """The installer has noted that it does not work here."""
        if self.phase != "returning" or version != self.trial:
            return []
        self.in_force = in_force
        self.phase, self.trial, self._why = "idle", 0, None
        return self._begin()

    def refused(self, version: int, error: ErrorInfo) -> list[Effect]:
        """The installer will not do what it was told: a newer one has been believed since, or its disk is damaged."""
        if version != self.trial or self.phase in ("idle", "watching"):
            return []
        if self.phase == "confirming":
            return self.confirmed(version)  # it has forgotten it, and will stage it anew
        if self.phase == "returning":
            return self.installer_ready()  # that was about putting it in force: that it is taken back is said again
        return self._give_up(error)

    def installer_ready(self) -> list[Effect]:
        """There is another installer's process: it is told again what the one before did not acknowledge."""
        match self.phase:
            case "committing":
                return [PutInForce(self.trial)]
            case "confirming":
                return [Confirm(self.trial)]
            case "returning":
                assert self._why is not None, "it is on its way back"  # noqa: S101
                return [TakeBack(self.trial, self._why)]
        return []

    # ----

    def _begin(self) -> list[Effect]:
        if not self._waiting:
            return []
        self.trial, self._waiting = self._waiting, 0
        self._replaces_all = self._waiting_replaces_all
        self.phase = "starting"
        return [Start(self.trial)]

    def _commit(self) -> list[Effect]:
        self.phase = "committing"
        return [PutInForce(self.trial)]

    def _may_be_superseded(self) -> bool:
        on_its_way = self.phase in ("starting", "shadowing", "committing")
        return on_its_way or (self.phase == "watching" and self._replaces_all)

    def _superseded(self) -> ErrorInfo:
        return ErrorInfo(SUPERSEDED, f"version {self._waiting} came before version {self.trial} had proven itself")

    def _give_up(self, error: ErrorInfo) -> list[Effect]:
        version, self._why = self.trial, error
        back: list[Effect] = []
        if self.answering == version:
            self.answering = self._before
            back = [SwapBack(version)]
        self.phase = "returning"
        return [*back, TakeBack(version, error), Drop(version)]
