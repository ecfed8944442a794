"""What others would say of the same windows: tests that compare a window's inputs with all inputs of the baseline.

Each takes every input's φ and not its mean, so that a device would have to send all of them.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from scipy.stats import ks_2samp

from scripts.roost_bench.drift_pictures import Floats

__all__ = ["PEERS", "peers"]

_ALPHA: Final = 0.01
_BINS: Final = 10
_PSI: Final = 0.2  # above which a population is said to have shifted
_PERMUTATIONS: Final = 200
_SAMPLE: Final = 200  # of the baseline's inputs that MMD looks at


def _ks(baseline: Floats, window: Floats, _random: np.random.Generator) -> bool:
    """Kolmogorov–Smirnov for each statistic, by Bonferroni."""
    least = min(ks_2samp(baseline[:, place], window[:, place]).pvalue for place in range(window.shape[1]))
    return bool(least * window.shape[1] < _ALPHA)


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


PEERS: Final[Mapping[str, Callable[[Floats, Floats, np.random.Generator], bool]]] = {
    "ks_bonferroni": _ks,
    "psi": _psi,
    "mmd": _mmd,
}


def peers(
    baselines: list[Floats], clean: list[list[Floats]], changed: list[list[Floats]], random: np.random.Generator
) -> dict[str, dict[str, float]]:
    """False alarms at nominal 1 % (of PSI, at 0.2), power, bytes of a window and milliseconds, by peer.

    Args:
        baselines: for each device φ of every input of its commissioning windows.
        clean: for each device fresh windows, φ of every input.
        changed: for each device windows after something has happened to it.
        random: for those that permute.
    """
    found = {}
    for name, test in PEERS.items():
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
            "bytes": float(clean[0][0].size * 4),
            "ms": 1e3 * took_s / (len(false) + len(seen)),
        }
    return found
