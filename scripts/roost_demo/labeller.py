"""Labels as people give them through the API; here they come from the truth, which only a demo knows."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from scripts.roost_demo.house import House

__all__ = ["Labeller", "Sample"]

_PAGE: Final = 500
_SEED: Final = 7
_PERSON: Final = "demo"


class _Input(msgspec.Struct, frozen=True):
    sha256: str


class Sample(msgspec.Struct, frozen=True):
    """A sample whose input is in the cloud."""

    device: str
    sample: str
    input: _Input


class _Place(msgspec.Struct, frozen=True):
    device: str
    sample: str


class _Queued(msgspec.Struct, frozen=True):
    items: list[_Place]


class Labeller:
    """Somebody who knows what pictures show.

    Args:
        house: whose cloud.
        task: whose samples.
        truth: the labels of pictures that were sent, by digest of their bytes.

    Attributes:
        digests: of the inputs that were labelled.
    """

    def __init__(self, house: House, task: str, truth: Callable[[], Mapping[str, str]]) -> None:
        self._house = house
        self._task = task
        self._truth = truth
        self.digests: set[str] = set()
        self._random = random.Random(_SEED)

    def choose(self, devices: Iterable[str], count: int, *, since: str) -> list[Sample]:
        """So many inputs that the cloud has, at random, each of other bytes; none that was labelled."""
        query = {"task": self._task, "since": since, "has_input": "true", "limit": _PAGE}
        each = (self._house.cloud.each("/samples", Sample, **query, device=device) for device in devices)
        found = [one for some in each for one in some]
        self._random.shuffle(found)
        by_bytes = {one.input.sha256: one for one in found if one.input.sha256 not in self.digests}
        return list(by_bytes.values())[:count]

    def disputed(self, rollout: str, count: int) -> list[Sample]:
        """Samples that the queue of labels hands out for a rollout: where candidate and primary disagree."""
        body = {"task": self._task, "rollout": rollout, "count": count, "by": _PERSON}
        queued = self._house.cloud.call("POST", "/labels/queue", _Queued, body=body)
        places = [f"/samples/{one.device}/{one.sample}" for one in queued.items]
        return [self._house.cloud.call("GET", place, Sample) for place in places]

    def label(self, samples: Iterable[Sample], *, read: Callable[[str], str] = lambda label: label) -> list[Sample]:
        """Say what samples show, whatever was said of them before.

        Args:
            samples: of which.
            read: what is made of the truth.

        Returns:
            Those whose truth is known.
        """
        truth = self._truth()
        known = [one for one in samples if one.input.sha256 in truth]
        labels = [
            {"device": one.device, "sample": one.sample, "label": read(truth[one.input.sha256])} for one in known
        ]
        if labels:
            self._house.cloud.call("POST", "/labels", dict[str, Any], body={"by": _PERSON, "labels": labels})
            self.digests.update(one.input.sha256 for one in known)
        return known
