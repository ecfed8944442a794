"""What comes of the alarms: labels, a refined head, its rollout, and two candidates that get nowhere.

Three acts, each a scene beside the pictures. All of it goes through the API, as a person's work would; what pictures
show comes from the demo, which knows the truth.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from roost_shared.errors import TransportError
from scripts.roost_demo.dirty_lens import DIRTY
from scripts.roost_demo.fleet_rollout import Ended, FleetRollout
from scripts.roost_demo.house import DEVICES, House
from scripts.roost_demo.labeller import Labeller, Sample
from scripts.roost_demo.new_versions import NewVersions
from scripts.roost_demo.refinement import LABELS, POLICY, Refinement, Run, reasons_of
from scripts.roost_demo.scene import Scene

__all__ = ["Refined", "RolledOut", "Story", "Worse"]

_MORE: Final = 10  # labels at a time, where the run still wants some
_PATIENCE_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.5
_FILLED: Final = "8"
_LENIENT: Final = {**POLICY["gate"], "epsilon": 0.15}
_PRIMARY: Final = "primary"


class LabelWaitError(TransportError):
    """Too few inputs came to the cloud that could be labelled."""

    code = "demo.labels"


@dataclass
class Story:
    """What the acts leave to each other, and to the report.

    Attributes:
        house: whose devices.
        task: whose answers.
        labels: the task's, in order.
        labeller: knows the truth.
        refined: the run that the alarm opened.
        train_s: that training and judging it took.
        labelled: the inputs that were labelled for it.
        refused: the run that the gate refused.
        passed: the run whose wrong labels the gate believed.
        good: the refined one's rollout.
        worse: the other's.
    """

    house: House
    task: str
    labels: tuple[str, ...]
    labeller: Labeller
    refined: Run | None = None
    train_s: float | None = None
    labelled: Sequence[Sample] = ()
    refused: Run | None = None
    passed: Run | None = None
    good: Ended | None = None
    worse: Ended | None = None

    def settle(self) -> None:
        """Say what alarms shall come to; before there are any."""
        Refinement(self.house.cloud, self.task, lambda _: None).state_policy()

    @property
    def as_expected(self) -> bool:
        """Whether the good one came to all devices, and neither of the others to any."""
        return (
            self.refined is not None
            and self.refined.state == "registered"
            and self.good is not None
            and self.good.state == "finished"
            and set(self.good.confirmed) == set(DEVICES)
            and self.refused is not None
            and self.refused.state == "refused"
            and self.worse is not None
            and self.worse.state == "stopped"
            and not self.worse.answering
        )

    def describe(self) -> dict[str, Any]:
        """Its part of the report.

        `runs`, by what became of them (`refined`, `refused`, `passed`): `run`, `state`, `cause`, `incumbent`,
        `candidate`, and of the gate's sentences those that `passed` and those that did not, `failed`; null for none.
        `rollouts` (`good`, `worse`): as `Ended`. `labels`: given for `training`, and where candidate and primary
        `disagreed`, for the good one and the `worse`. `train_s`: of the refined one; `as_expected`.
        """
        runs = {"refined": self.refined, "refused": self.refused, "passed": self.passed}
        rollouts = {"good": self.good, "worse": self.worse}
        return {
            "runs": {name: None if run is None else _told(run) for name, run in runs.items()},
            "rollouts": {name: None if one is None else msgspec.to_builtins(one) for name, one in rollouts.items()},
            "labels": {
                "training": len(self.labelled),
                "disagreed": 0 if self.good is None else self.good.labels,
                "worse": 0 if self.worse is None else self.worse.labels,
            },
            "train_s": self.train_s,
            "as_expected": self.as_expected,
        }


def _told(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state,
        "cause": run.cause,
        "incumbent": run.incumbent,
        "candidate": run.candidate,
        "passed": reasons_of(run, passed=True),
        "failed": reasons_of(run, passed=False),
    }


class Refined(Scene):
    """Labels for what the dirty cameras saw, and what a training run makes of them."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self._story = story

    def play(self) -> None:
        """Label, and follow the run that the alarm has opened."""
        story = self._story
        refinement = Refinement(story.house.cloud, story.task, self.say)
        run = refinement.opened()
        self.say(f"run {run.id} was opened by the alarm, of {run.incumbent}: {run.reason}")
        story.labelled = _label(story, run.since, LABELS)
        self.say(
            f"{len(story.labelled)} inputs labelled by the demo, which knows the truth; people would look at them"
        )

        def label_more() -> None:
            # Some may be of a camera whose own alarm came later, and from before it: they do not count for this run.
            more = story.labeller.label(story.labeller.choose(DIRTY, _MORE, since=run.since))
            story.labelled = [*story.labelled, *more]

        story.refined, story.train_s = refinement.followed(run, wanting=label_more)
        run = story.refined
        for sentence in reasons_of(run, passed=run.state == "registered"):
            self.say(f"gate: {sentence}")
        self.say(f"{run.candidate} is {run.state}; trained and judged in {story.train_s:.1f} s")


class RolledOut(Scene):
    """The refined head's way over the fleet."""

    def __init__(self, story: Story, new_versions: NewVersions) -> None:
        super().__init__()
        self._story = story
        self._new_versions = new_versions

    def play(self) -> None:
        """Release it, and roll it out."""
        story = self._story
        if story.refined is None or story.refined.state != "registered":
            self.say("nothing was registered: there is nothing to roll out")
            return
        bundle = story.refined.candidate
        name, _, version = bundle.partition(":")
        story.house.cloud.release(name, version)
        self.say(f"{bundle} released by its releaser's key. A demo holds no stage; elsewhere it takes days")
        rollout = FleetRollout(story.house, story.task, story.labeller, self.say)
        story.good = rollout.run(bundle, DIRTY, DIRTY[0])
        self._new_versions.rolled_out(story.good.installs, story.good.confirmed)
        if story.good.state == "finished":
            story.house.cloud.call(
                "PUT", f"/bundles/{name}/aliases/{_PRIMARY}", dict[str, Any], body={"version": version}
            )
            self.say(f"{name}@{_PRIMARY} is {bundle} from now on: what comes next starts from it")


class Worse(Scene):
    """Labels out of a table that somebody has spoilt: the gate refuses what learnt them, and is misled once."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self._story = story

    def play(self) -> None:
        """Train twice on wrong labels, and roll out what passes."""
        story = self._story
        if story.refined is None or story.good is None or story.good.state != "finished":
            self.say("the refined one was not rolled out: there is nothing to be worse than")
            return
        Refinement(story.house.cloud, story.task, self.say).clear()
        story.refused = self._train(self._slipped, "slipped by one: what shows a 3 is called a 4 now", POLICY["gate"])
        story.passed = self._train(lambda _: _FILLED, f"filled down: all are called {_FILLED} now", _LENIENT)
        if story.passed.state != "registered":
            return
        name, _, version = story.passed.candidate.partition(":")
        story.house.cloud.release(name, version)
        rollout = FleetRollout(story.house, story.task, story.labeller, self.say)
        story.worse = rollout.run(story.passed.candidate, DIRTY, DIRTY[0])
        if not story.worse.answering:
            self.say("no device has answered by it")

    def _train(self, read: Callable[[str], str], what: str, gate: Mapping[str, float]) -> Run:
        """Have the table of labels say something else, and a run learn that."""
        story = self._story
        refinement = Refinement(story.house.cloud, story.task, self.say)
        refinement.state_policy(alarms=False, gate=gate)
        count = len(story.labeller.label(story.labelled, read=read))
        self.say(f"the table of {count} labels is imported once more, {what}")
        since = "" if story.refined is None else story.refined.since
        run, _ = refinement.followed(refinement.open(since, DIRTY, count // 2, "the labels have changed"))
        self.say(f"{run.candidate} is {run.state}")
        if run.state == "registered":
            self.say(
                "the gate believes people's labels, and knows no others; it may lose 15 % of what the old one knew"
            )
        return run

    def _slipped(self, truth: str) -> str:
        labels = self._story.labels
        return labels[(labels.index(truth) + 1) % len(labels)]


def _label(story: Story, since: str, count: int) -> list[Sample]:
    """Label so many inputs of the dirty cameras, each of other bytes, as soon as they are in the cloud.

    Raises:
        LabelWaitError: too few came.
    """
    give_up_s = time.monotonic() + _PATIENCE_S
    given: list[Sample] = []
    while len(given) < count:
        given += story.labeller.label(story.labeller.choose(DIRTY, count - len(given), since=since))
        if len(given) < count and time.monotonic() >= give_up_s:
            raise LabelWaitError(f"{len(given)} of {count} inputs could be labelled within {_PATIENCE_S:g} s")
        time.sleep(_LOOK_EVERY_S)
    return given
