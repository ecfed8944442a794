"""How far labellers agree beyond what chance would make them. Pure.

- Cohen's kappa of two: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
  Measurement 20(1), 1960: (p_o - p_e) / (1 - p_e), with p_o the share of samples on which both say the same and p_e
  what it would be if each drew labels at the rates of theirs.
- Krippendorff's alpha of any number, each having seen some of the samples: K. Krippendorff, "Computing Krippendorff's
  alpha-reliability", 2011, for nominal data: 1 - D_o / D_e over all pairs of values that a sample has.

Both are 1 where all agree and 0 where chance would do as well. Where all said one and the same label throughout,
chance would too: there is nothing to measure, and they are None.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

__all__ = ["Agreement", "Pair", "agreement", "alpha", "kappa"]


class Pair(NamedTuple):
    """Two labellers.

    Attributes:
        first: one of them.
        second: the other.
        samples: that both labelled.
        same: of those, how many alike.
        kappa: Cohen's; None where there is nothing to measure.
    """

    first: str
    second: str
    samples: int
    same: int
    kappa: float | None


class Agreement(NamedTuple):
    """All labellers.

    Attributes:
        samples: that two or more labelled.
        alpha: Krippendorff's; None where there is nothing to measure.
        pairs: those with samples in common, the largest first.
    """

    samples: int
    alpha: float | None
    pairs: list[Pair]


def kappa(both: Iterable[tuple[str, str]]) -> float | None:
    """Cohen's kappa of what two said of the same samples.

    >>> round(kappa([("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15), 3)
    0.4
    """
    said = list(both)
    if not said:
        return None
    first, second = Counter(one for one, _ in said), Counter(other for _, other in said)
    observed = sum(one == other for one, other in said) / len(said)
    expected = sum(count * second[label] for label, count in first.items()) / len(said) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def alpha(samples: Iterable[Iterable[str]]) -> float | None:
    """Krippendorff's alpha, nominal; what was said of each sample.

    The published example, of four observers and twelve units:

    >>> round(alpha("111 2232 3333 3333 2222 1234 4444 1121 2222 555 11 3".split()), 3)
    0.743
    """
    counts = [Counter(said) for said in samples]
    paired = [count for count in counts if count.total() > 1]  # what one alone said can be paired with nothing
    totals = sum(paired, Counter[str]())
    n = totals.total()
    if n == 0 or len(totals) == 1:
        return None
    differing = sum(_unlike(count) / (count.total() - 1) for count in paired)
    return 1 - (n - 1) * differing / _unlike(totals)


def agreement(said: Mapping[tuple[str, str], Mapping[str, str]]) -> Agreement:
    """How far labellers agree.

    Args:
        said: by sample, what each labeller said of it.
    """
    shared: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for labels in said.values():
        for first, second in combinations(sorted(labels), 2):
            shared.setdefault((first, second), []).append((labels[first], labels[second]))
    pairs = [
        Pair(*who, len(both), sum(one == other for one, other in both), kappa(both)) for who, both in shared.items()
    ]
    pairs.sort(key=lambda pair: (-pair.samples, pair.first, pair.second))
    many = [labels for labels in said.values() if len(labels) > 1]
    return Agreement(len(many), alpha(labels.values() for labels in many), pairs)


def _unlike(count: Counter[str]) -> int:
    """Ordered pairs of unlike values."""
    return int(count.total() ** 2 - sum(number**2 for number in count.values()))
