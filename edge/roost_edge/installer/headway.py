"""How far the bundles of an assignment have come, for whoever watches. Pure.

>>> headway = Headway(assignment)                  # doctest: +SKIP
>>> headway.expect({"sha256:…": {"sha256:…": 4_000_000}})   # doctest: +SKIP
>>> headway.installs()                             # doctest: +SKIP
"""

from collections.abc import Mapping

from roost_shared.assignment import Assignment, Install, Phase
from roost_shared.messages import ErrorInfo

__all__ = ["Headway"]


class Headway:
    """The tally of one assignment.

    Args:
        assignment: whose bundles they are.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._phases: dict[str, Phase] = dict.fromkeys(assignment.pins, "assigned")
        self._sizes: dict[str, int] = {}
        self._fetched: dict[str, int] = {}
        self._fetching = ""  # the bundle whose blobs come now

    def expect(self, missing: Mapping[str, Mapping[str, int]], here: Mapping[str, int]) -> None:
        """What has to be fetched is known.

        Args:
            missing: by bundle, the sizes of its blobs that are not here, by digest; a shared one counts for one.
            here: of those blobs, what came before.
        """
        self._sizes = {bundle: sum(blobs.values()) for bundle, blobs in missing.items()}
        self._fetched = {
            bundle: sum(min(here.get(blob, 0), size) for blob, size in blobs.items())
            for bundle, blobs in missing.items()
        }

    def fetching(self, bundle: str) -> None:
        """The blobs of that bundle come now."""
        self._fetching = bundle
        self.reach(bundle, "downloading")

    def moved(self, size_bytes: int) -> None:
        """Bytes of them came; below 0: so many have to come again."""
        self._fetched[self._fetching] = max(self._fetched.get(self._fetching, 0) + size_bytes, 0)

    def reach(self, bundle: str, phase: Phase) -> None:
        """A bundle is so far."""
        self._phases[bundle] = phase

    @property
    def fetched_bytes(self) -> int:
        """Of all bundles."""
        return sum(self._fetched.values())

    def installs(self, phase: Phase | None = None, error: ErrorInfo | None = None) -> list[Install]:
        """Contestant by contestant; all in one phase and for one reason, if that is given."""
        return [
            Install(
                task=task,
                contestant=contestant.name,
                bundle=contestant.bundle.reference,
                phase=phase or self._phases[contestant.bundle.digest],
                error=error,
                fetched_bytes=self._fetched.get(contestant.bundle.digest, 0),
                size_bytes=self._sizes.get(contestant.bundle.digest, 0),
            )
            for task, assigned in self._assignment.tasks.items()
            for contestant in assigned.contestants
            if contestant.bundle is not None
        ]
