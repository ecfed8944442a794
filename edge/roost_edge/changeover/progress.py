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
        problem: why it is not in force and will not be; None while it may be.
    """

    def __init__(self) -> None:
        self.version = 0
        self.installs: list[Install] = []
        self.problem: ErrorInfo | None = None

    def told(self, version: int, installs: list[Install], problem: ErrorInfo | None = None) -> None:
        """The installer says how far it is; `problem`: and that it will go no further.

        What could not be believed to be of any version is version 0: it is a problem, and changes nothing else.
        """
        if not version:
            self.problem = problem
            return
        if version < self.version:
            return
        if installs or version > self.version:
            self.installs = installs
        self.version, self.problem = version, problem

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
        self.version, self.problem = version, error

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
