"""`roost-agent check`: would this device be able to run what its config names?

Opens every bundle, checks every digest, loads every model and runs its golden vectors, one after the other.
This module loads model runtimes; the running agent never imports it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from roost_edge.settings.config import AgentConfig
from roost_shared.bundle import open_bundle
from roost_shared.errors import RoostError
from roost_shared.pipeline import Pipeline

__all__ = ["Checked", "check_bundles"]


class Checked(NamedTuple):
    """The result for one contestant."""

    task: str
    contestant: str
    detail: str
    error: RoostError | None = None

    def __str__(self) -> str:
        """One line for a person."""
        verdict = "ok" if self.error is None else f"refused: {self.error.code}"
        return f"{self.task}/{self.contestant}: {verdict}: {self.detail}"


def check_bundles(config: AgentConfig) -> Iterator[Checked]:
    """Check each contestant's bundle on this machine; never raises for a bad one."""
    for name, task in config.tasks.items():
        for contestant in task.contestants:
            if contestant.bundle is None:
                yield Checked(name, contestant.name, "in the cloud: nothing to check here")
                continue
            began = time.perf_counter()
            try:
                bundle = open_bundle(contestant.bundle)
                Pipeline.load(bundle, contestant.runtime_settings).check_golden()
            except RoostError as error:
                yield Checked(name, contestant.name, str(error), error)
            else:
                took_ms = 1000 * (time.perf_counter() - began)
                vectors = bundle.config.golden.vectors
                yield Checked(name, contestant.name, f"{bundle.reference}, {vectors} golden vectors, {took_ms:.0f} ms")
