"""Whether what a device says of itself proves that a bundle works there. Pure.

It must have given the golden outputs on its own hardware, scored live inputs, kept to the time, and lost no process.
The golden outputs come with a hash, which devices of the same hardware and runtime must all say: one that says
another than most runs something else, or made it up.

Of time, a few slow scores prove nothing: a device whose scores are neither proven to be too slow nor seen to be fast
enough is looked at again when more have come. It may go on scoring after its trial, and windows tell of that.

>>> prove({"golden": True, "scored": 20, "slow": 0, "p95_ms": 4.0, "crashes": 0}, {}, limit_ms=50).is_right
True
>>> prove({"golden": True, "scored": 20, "slow": 2, "p95_ms": 80.0, "crashes": 0}, {}, limit_ms=50).is_right
>>> prove({"golden": True, "scored": 20, "slow": 9, "p95_ms": 80.0, "crashes": 0}, {}, limit_ms=50).says
'9 of 20 scores took longer than 50 ms'
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from roost_cloud.rollouts.e_process import log_e_above
from roost_cloud.rollouts.gate import Seen

__all__ = ["Proof", "counted", "expected_hashes", "prove"]

_FEW: Final = 3  # devices of a hardware, of which nobody can say who is odd
_SLOW: Final = 0.05  # share of scores that may take longer than the limit
_SURE: Final = -math.log(0.01)  # of a logarithm of an e-value
_MOST: Final = 1_000_000_000  # that a device may count


class Proof(NamedTuple):
    """What a device's evidence comes to.

    Attributes:
        is_right: it proves that the bundle works there, or that it does not; None: it says too little yet.
        says: what is wrong with it, or missing; None: nothing.
    """

    is_right: bool | None
    says: str | None = None


def expected_hashes(evidence: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What most devices of each hardware say the golden outputs come to; hardware that too few have is left out."""
    said: dict[str, Counter[str]] = {}
    for one in evidence:
        hardware, golden = one.get("hardware"), one.get("golden_hash")
        if isinstance(hardware, str) and isinstance(golden, str):
            said.setdefault(hardware, Counter())[golden] += 1
    expected = {}
    for hardware, counts in said.items():
        golden, count = counts.most_common(1)[0]
        if counts.total() >= _FEW and 2 * count > counts.total():
            expected[hardware] = golden
    return expected


def prove(
    evidence: Mapping[str, Any], expected: Mapping[str, str], *, limit_ms: float | None, live: Seen | None = None
) -> Proof:
    """What a device's evidence comes to.

    Args:
        evidence: of its installation, as the device reports it.
        expected: `expected_hashes` of all devices with the bundle.
        limit_ms: that 95 % of its scores must keep to, in milliseconds; None: nobody said.
        live: what its windows tell of the bundle.
    """
    golden, hardware = evidence.get("golden"), evidence.get("hardware")
    if golden is not True:
        return Proof(None if golden is None else False, "it does not say that the golden outputs came out right")
    usual = expected.get(hardware) if isinstance(hardware, str) else None
    if usual is not None and evidence.get("golden_hash") != usual:
        return Proof(False, f"its golden outputs are not those of most devices with {hardware}")
    crashes = counted(evidence.get("crashes"))
    if crashes:
        return Proof(False, f"the bundle lost its process {crashes} times")
    proofs = [_of_trial(evidence, limit_ms), *([] if live is None else [_of_windows(live, limit_ms)])]
    wrong = next((one for one in proofs if one.is_right is False), None)
    return wrong or next((one for one in proofs if one.is_right), proofs[0])


def counted(said: object) -> int:
    """A count that a device says: never below 0, nor beyond reason."""
    return min(max(said, 0), _MOST) if isinstance(said, int) else 0


def _of_trial(evidence: Mapping[str, Any], limit_ms: float | None) -> Proof:
    scored, p95_ms = counted(evidence.get("scored")), evidence.get("p95_ms")
    if not scored or not isinstance(p95_ms, int | float):
        return Proof(None, "it has scored no live input in its trial")
    slow = min(counted(evidence.get("slow")), scored)
    return _in_time(slow, scored, limit_ms, is_fast=limit_ms is None or p95_ms <= limit_ms)


def _of_windows(live: Seen, limit_ms: float | None) -> Proof:
    if not live.scored:
        return Proof(None)
    slow = min(live.slow, live.scored)
    return _in_time(slow, live.scored, limit_ms, is_fast=slow <= _SLOW * live.scored)


def _in_time(slow: int, scored: int, limit_ms: float | None, *, is_fast: bool) -> Proof:
    if is_fast or limit_ms is None:
        return Proof(True)
    said = f"{slow} of {scored} scores took longer than {limit_ms:g} ms"
    return Proof(False if log_e_above(slow, scored, _SLOW) >= _SURE else None, said)
