"""What others would say of the same windows: tests that compare a window's inputs with all inputs of the baseline.

Each but one takes every input's φ and not its mean, so that a device would have to send all of them; the labels are
what a classifier says of the same pictures, and take a count each.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

from scripts.roost_bench.adwin import Adwin
from scripts.roost_bench.drift_pictures import Floats

__all__ = ["PEERS", "Inputs", "peers"]

_ALPHA: Final = 0.01
_LABELS: Final = 10
_BINS: Final = 10
_PSI: Final = 0.2  # above which a population is said to have shifted
_PERMUTATIONS: Final = 200
_SAMPLE: Final = 200  # of the baseline's inputs that MMD looks at


class Inputs(NamedTuple):
    """Of one window, or of all of a baseline.

    Attributes:
        phi: of every input, (inputs, statistics).
        labels: what a classifier says of every input, (inputs,), 0…9.
    """

    phi: Floats
    labels: NDArray[np.intp]


def _ks(baseline: Floats, window: Floats, _random: np.random.Generator) -> bool:
    """Kolmogorov–Smirnov for each statistic, by Bonferroni."""
    least = min(ks_2samp(baseline[:, place], window[:, place]).pvalue for place in range(window.shape[1]))
    return bool(least * window.shape[1] < _ALPHA)


def _chi_square(baseline: NDArray[np.intp], window: NDArray[np.intp]) -> bool:
    """Pearson's chi-square of the labels."""
    counts = np.stack([np.bincount(labels, minlength=_LABELS) for labels in (baseline, window)])
    return bool(chi2_contingency(counts[:, counts.any(axis=0)]).pvalue < _ALPHA)


class _Adwins:
    """ADWIN for each statistic, by Bonferroni, over the baseline and then the window."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Floats, list[Adwin]]] = {}  # by baseline, which is gone through once

    def __call__(self, baseline: Floats, window: Floats, _random: np.random.Generator) -> bool:
        if id(baseline) not in self._seen:
            streams = [Adwin(_ALPHA / baseline.shape[1]) for _ in baseline.T]
            for stream, values in zip(streams, _scaled(baseline, baseline).T.tolist(), strict=True):
                for value in values:
                    stream.add(value)
            self._seen[id(baseline)] = (baseline, streams)
        changed = [
            any(stream.add(value) for value in values)
            for stream, values in zip(
                (one.copy() for one in self._seen[id(baseline)][1]), _scaled(baseline, window).T.tolist(), strict=True
            )
        ]
        return any(changed)


def _scaled(baseline: Floats, values: Floats) -> Floats:
    """Values by the range of the baseline."""
    least = baseline.min(axis=0)
    scaled: Floats = (values - least) / np.maximum(baseline.max(axis=0) - least, 1e-12)
    return scaled


def _psi(baseline: Floats, window: Floats, _random: np.random.Generator) -> bool:
    """Population stability index above 0.2 in any statistic, in deciles of the baseline."""
    for before, now in zip(baseline.T, window.T, strict=True):
        edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
        shares = [
            (np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) + 0.5) / (len(values) + 0.5 * _BINS)
            for values in (before, now)
        ]
        if float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()) > _PSI:
            return True
    return False


def _mmd(baseline: Floats, window: Floats, random: np.random.Generator) -> bool:
    """Maximum mean discrepancy by a Gaussian kernel of median width, by permutations."""
    sample = baseline[random.choice(len(baseline), min(_SAMPLE, len(baseline)), replace=False)]
    both = np.concatenate([sample, window]) / (baseline.std(axis=0) + 1e-12)
    squares = ((both[:, None] - both) ** 2).sum(axis=-1)
    kernel = np.exp(-squares / np.median(squares[squares > 0]))
    first, second = np.full(len(both), 0.0), np.full(len(both), 0.0)
    first[: len(sample)], second[len(sample) :] = 1 / len(sample), 1 / len(window)
    weights = np.stack(
        [first - second, *((first - second)[random.permutation(len(both))] for _ in range(_PERMUTATIONS))]
    )
    found = np.einsum("pi,ij,pj->p", weights, kernel, weights, optimize=True)
    return bool((1 + (found[1:] >= found[0]).sum()) / (1 + _PERMUTATIONS) <= _ALPHA)


_Test = Callable[[Inputs, Inputs, np.random.Generator], bool]


def _of_phi(test: Callable[[Floats, Floats, np.random.Generator], bool]) -> _Test:
    return lambda baseline, window, random: test(baseline.phi, window.phi, random)


PEERS: Final[Mapping[str, Callable[[], _Test]]] = {
    "ks_bonferroni": lambda: _of_phi(_ks),
    "psi": lambda: _of_phi(_psi),
    "mmd": lambda: _of_phi(_mmd),
    "adwin": lambda: _of_phi(_Adwins()),
    "label_chi_square": lambda: lambda baseline, window, _random: _chi_square(baseline.labels, window.labels),
}


def peers(
    baselines: list[Inputs], clean: list[list[Inputs]], changed: list[list[Inputs]], random: np.random.Generator
) -> dict[str, dict[str, float]]:
    """False alarms at nominal 1 % (of PSI, at 0.2), power, bytes of a window and milliseconds, by peer.

    Args:
        baselines: for each device every input of its commissioning windows.
        clean: for each device fresh windows.
        changed: for each device windows after something has happened to it.
        random: for those that permute.
    """
    found = {}
    for name, make in PEERS.items():
        test = make()
        began_s = time.process_time()
        false = [
            test(one, window, random) for one, windows in zip(baselines, clean, strict=True) for window in windows
        ]
        seen = [
            test(one, window, random) for one, windows in zip(baselines, changed, strict=True) for window in windows
        ]
        took_s = time.process_time() - began_s
        found[name] = {
            "false_alarms": float(np.mean(false)),
            "power": float(np.mean(seen)),
            "bytes": float(4 * (_LABELS if name == "label_chi_square" else clean[0][0].phi.size)),
            "ms": 1e3 * took_s / (len(false) + len(seen)),
        }
    return found
