"""How far the bundles of the newest assignment are, as the installer tells and as the workers show. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from roost_edge.installer.plan import Plan
from roost_shared.assignment import Install, Phase
from roost_shared.messages import ErrorInfo

__all__ = ["Figures", "Progress"]

Figures = Mapping[tuple[str, str], Mapping[str, Any]]
"""By task and contestant: what was seen of it."""


class Progress:
    """Of one version at a time, the newest that anything is known of.

    Attributes:
        version: it; 0 for none.
        installs: how far each of its bundles is.
    """

    def __init__(self) -> None:
        self.version = 0
        self.installs: list[Install] = []
        self._problem: ErrorInfo | None = None  # of that version
        self._doubt: ErrorInfo | None = None  # of what came last

    @property
    def problem(self) -> ErrorInfo | None:
        """Why what came last is not believed, or why the version is not in force and will not be; None if it may."""
        return self._doubt or self._problem

    def believed(self) -> None:
        """What came last is what is known."""
        self._doubt = None

    def told(self, version: int, installs: list[Install], problem: ErrorInfo | None = None) -> None:
        """The installer says how far it is; `problem`: and that it will go no further.

        What could not be believed to be of any version is version 0: it is a problem, until something is believed
        again, and changes nothing else.
        """
        self._doubt = None if version else problem
        if not version:
            return
        if version < self.version:
            return
        if installs or version > self.version:
            self.installs = installs
        self.version, self._problem = version, problem

    def seen(self, plan: Plan, phase: Phase, figures: Figures, error: ErrorInfo | None = None) -> None:
        """The workers show how far it is; `error`: and why it goes no further."""
        version = plan.assignment.version
        if version < self.version:
            return
        known = {(one.task, one.contestant): one for one in self.installs} if version == self.version else {}
        self.installs = [
            self._install(known.get((task, one.contestant)), one, phase, figures, error)
            for task, one in _installs(plan)
        ]
        self.version, self._problem = version, error

    @staticmethod
    def _install(
        known: Install | None, one: Install, phase: Phase, figures: Figures, error: ErrorInfo | None
    ) -> Install:
        base = one if known is None or known.bundle != one.bundle else known
        evidence = dict(figures.get((one.task, one.contestant), base.evidence))
        return msgspec.structs.replace(base, phase=phase, error=error, evidence=evidence)


def _installs(plan: Plan) -> list[tuple[str, Install]]:
    return [
        (name, Install(task=name, contestant=one.name, bundle=one.bundle.reference, phase="staged"))
        for name, task in plan.assignment.tasks.items()
        for one in task.contestants
        if one.bundle is not None
    ]
