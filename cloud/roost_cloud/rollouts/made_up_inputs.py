"""Live inputs of a made-up fleet, as the gate sees them: scored by the candidate, some of them labelled by people."""

import random
from collections.abc import Iterable
from typing import Final

import msgspec

from roost_cloud.rollouts.gate import Seen, judge
from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet, MadeUpDevice
from roost_cloud.rollouts.plan import GateSettings
from roost_cloud.rollouts.states import Finding

__all__ = ["MadeUpInputs"]

_MANY: Final = 50  # from this mean on, a normal is close enough to Poisson's


class MadeUpInputs:
    """Those of one rehearsal.

    Args:
        fleet: how many there are, and how many labels.
        candidate: how often it disagrees, and is right then.
        draw: randomness.

    Attributes:
        requests: that the candidate has scored so far.
        labels: that people have given so far.
    """

    def __init__(self, fleet: Fleet, candidate: Candidate, draw: random.Random) -> None:
        self.requests = 0
        self.labels = 0
        self._fleet, self._candidate, self._draw = fleet, candidate, draw
        self._seen: dict[str, Seen] = {}  # by device
        self._labels_due = 0.0

    def come(self, devices: Iterable[MadeUpDevice], step_s: float) -> None:
        """Inputs come for `step_s` seconds, and people label some of the disagreements."""
        for device in devices:
            if device.scores:
                self._score(device, _poisson(self._fleet.inputs_per_hour * step_s / 3600, self._draw))
        self._label(step_s)

    def begin_anew(self) -> None:
        """A stage begins: the gate judges each by itself."""
        self._seen.clear()

    def finding(self, gate: GateSettings) -> Finding:
        """What the gate makes of them."""
        return judge(gate, list(self._seen.values()), predicted=self._candidate.predicted)

    def _score(self, device: MadeUpDevice, inputs: int) -> None:
        scored = _binomial(inputs, self._fleet.coverage, self._draw)
        differing = _binomial(scored, device.disagreement, self._draw)
        slow = _binomial(scored, self._candidate.slow_share, self._draw)
        before = self._seen.get(device.name, Seen(device=device.name))
        self.requests += scored
        self._seen[device.name] = msgspec.structs.replace(
            before,
            inputs=before.inputs + inputs,
            scored=before.scored + scored,
            slow=before.slow + slow,
            compared=before.compared + scored,
            differing=before.differing + differing,
        )

    def _label(self, step_s: float) -> None:
        self._labels_due += self._fleet.labels_per_hour * step_s / 3600
        open_ones = [one for one in self._seen.values() if one.differing > one.wins + one.losses]
        while self._labels_due >= 1 and open_ones:
            self._labels_due -= 1
            one = self._draw.choice(open_ones)
            won = self._draw.random() < self._candidate.win_share
            seen = self._seen[one.device]
            seen = msgspec.structs.replace(seen, wins=seen.wins + won, losses=seen.losses + (not won))
            self._seen[one.device] = seen
            self.labels += 1
            open_ones = [entry for entry in open_ones if entry.device != one.device]
            if seen.differing > seen.wins + seen.losses:
                open_ones.append(seen)
        self._labels_due = min(self._labels_due, self._fleet.labels_per_hour + 1)


def _poisson(mean: float, draw: random.Random) -> int:
    """Knuth's way for the small means of one step; a normal for large ones."""
    if mean > _MANY:
        return max(0, round(draw.gauss(mean, mean**0.5)))
    count, product, bar = 0, draw.random(), 2.718281828459045**-mean
    while product > bar:
        count, product = count + 1, product * draw.random()
    return count


def _binomial(of: int, share: float, draw: random.Random) -> int:
    return sum(draw.random() < share for _ in range(of))
