"""Devices as they are: each with an appearance of its own, and no hour like the other."""

from typing import Any, Final, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from roost_cloud.drift.fleet import Devices, Fleet, stand
from roost_cloud.drift.test import DriftTest
from scripts.roost_bench.drift_harms import HARMS, SEVERITIES, harmed
from scripts.roost_bench.drift_peers import Inputs, peers
from scripts.roost_bench.drift_pictures import Floats, Pictures, digits, phi_of

__all__ = ["grouped", "said_by_peers"]

_ALPHA: Final = 0.01
_REFERENCE: Final = 30  # devices
_COMMISSIONING: Final = 20  # windows
_INPUTS: Final = 100  # of a decision
_JUDGED: Final = 4  # fresh windows of an unseen device
_FITTING: Final = 500  # steps
_STEP: Final = 255 / 16  # of the scale that appearances were measured in


class _Look(NamedTuple):
    """How a device shows the world: a shade lighter, with more contrast, softer, off the middle."""

    lighter: float
    gain: float
    blur: float
    shift: float

    @classmethod
    def any(cls, random: np.random.Generator) -> "_Look":
        return cls(random.normal(), np.exp(random.normal(0, 0.1)), abs(random.normal(0, 0.3)), random.normal(0, 0.25))

    def show(self, pictures: Pictures) -> Floats:
        seen: Floats = ndimage.gaussian_filter(pictures.astype(np.float64), (0, self.blur, self.blur))
        seen = ndimage.shift(seen, (0, 0, self.shift), order=1, mode="nearest")
        return seen * self.gain + self.lighter * _STEP


def grouped(random: np.random.Generator, *, unseen: int) -> dict[str, Any]:
    """False alarms and power on unseen devices, each with its own baseline; the measure is the reference devices'.

    Beside it, what would come of judging the same windows against the fleet, which is shown and never alarmed by.
    """
    world = digits()
    reference = [_windows(world, _Look.any(random), _COMMISSIONING, random) for _ in range(_REFERENCE)]
    test = DriftTest.fit(reference)
    threshold = test.threshold(_ALPHA)
    fleet = Devices.of(reference).fleet()
    false: list[bool] = []
    seen: dict[str, list[bool]] = {}
    odd: dict[str, list[bool]] = {"": []}  # against the fleet; as they are, and by harm
    cases = [(harm, severity) for harm in HARMS for severity in range(len(SEVERITIES))]
    for device in range(unseen):
        look = _Look.any(random)
        baseline = test.baseline(_windows(world, look, _COMMISSIONING, random))
        usual = _windows(world, look, _JUDGED, random)
        false += (test.distance(baseline, usual) > threshold).tolist()
        odd[""] += _are_odd(fleet, usual)
        harm, severity = cases[device % len(cases)]
        changed = _windows(world, look, _JUDGED, random, harm=harm, severity=severity)
        exceeded = (test.distance(baseline, changed) > threshold).tolist()
        case = f"{harm} {SEVERITIES[severity]}"
        seen.setdefault(case, []).extend(exceeded)
        odd.setdefault(case, []).extend(_are_odd(fleet, changed))
    power = {case: float(np.mean(exceeded)) for case, exceeded in seen.items()}
    return {
        "devices": unseen,
        "windows": len(false),
        "false_alarms": float(np.mean(false)),
        "power": min(share for case, share in power.items() if not case.endswith(SEVERITIES[0])),
        "powers": power,
        "against_fleet": {
            "false_alarms": float(np.mean(odd.pop(""))),
            "powers": {case: float(np.mean(exceeded)) for case, exceeded in odd.items()},
        },
    }


def _are_odd(fleet: Fleet, windows: Floats) -> list[bool]:
    """Whether each window stands as far off the fleet as one device in a hundred does."""
    return [stand(fleet, window[None]).share < _ALPHA for window in windows]


def _windows(
    world: Pictures, look: _Look, windows: int, random: np.random.Generator, *, harm: str = "", severity: int = 0
) -> Floats:
    """Mean φ of a device's windows; each hour is a little lighter or darker than the last."""
    means = [_window(world, look, random, harm, severity).mean(axis=0) for _ in range(windows)]
    return np.stack(means).astype(np.float32).astype(np.float64)


def _window(world: Pictures, look: _Look, random: np.random.Generator, harm: str = "", severity: int = 0) -> Floats:
    """φ of every input of a window."""
    return phi_of(_pictures(world, look, random, harm, severity))


def _pictures(
    world: Pictures, look: _Look, random: np.random.Generator, harm: str = "", severity: int = 0
) -> Pictures:
    """Every input of a window, as a device's model sees it."""
    pictures = look.show(world[random.integers(len(world), size=_INPUTS)])
    pictures = pictures * random.normal(1, 0.03) + random.normal(0, 0.3) * _STEP
    taken = np.rint(pictures.clip(0, 255)).astype(np.uint8)
    return harmed(taken, harm, severity, random) if harm else taken


def said_by_peers(random: np.random.Generator, *, devices: int) -> dict[str, Any]:
    """What peers say of devices as they are, each with its own baseline; changed are those of middle severity."""
    world, looks = digits(), [_Look.any(random) for _ in range(devices)]
    classifier = LogisticRegression(max_iter=_FITTING).fit(_flat(world), load_digits().target)

    def inputs(pictures: Pictures) -> Inputs:
        return Inputs(phi_of(pictures), classifier.predict(_flat(pictures)))

    return peers(
        [inputs(np.concatenate([_pictures(world, look, random) for _ in range(_COMMISSIONING)])) for look in looks],
        [[inputs(_pictures(world, look, random)) for _ in range(_JUDGED)] for look in looks],
        [[inputs(_pictures(world, look, random, harm, 1)) for harm in HARMS] for look in looks],
        random,
    )


def _flat(pictures: Pictures) -> Floats:
    return pictures.reshape(len(pictures), -1) / 255.0
