"""Whether what a device says of itself proves that a bundle works there. Pure.

It must have given the golden outputs on its own hardware, scored live inputs, kept to the time, and lost no process.
The golden outputs come with a hash, which devices of the same hardware and runtime must all say: one that says
another than most runs something else, or made it up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["expected_hashes", "is_proven"]

_FEW: Final = 3  # devices of a hardware, of which nobody can say who is odd


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


def is_proven(evidence: Mapping[str, Any], expected: Mapping[str, str], *, limit_ms: float | None) -> bool | None:
    """Whether a device's evidence proves that the bundle works there; None: it says too little yet.

    Args:
        evidence: of its installation, as the device reports it.
        expected: `expected_hashes` of all devices with the bundle.
        limit_ms: that 95 % of its scores must keep to, in milliseconds; None: nobody said.
    """
    hardware = evidence.get("hardware")
    if evidence.get("golden") is not True:
        return False
    if isinstance(hardware, str) and evidence.get("golden_hash") != expected.get(
        hardware, evidence.get("golden_hash")
    ):
        return False
    if evidence.get("crashes"):
        return False
    scored, p95_ms = evidence.get("scored"), evidence.get("p95_ms")
    if not isinstance(scored, int) or scored < 1 or not isinstance(p95_ms, int | float):
        return None
    return limit_ms is None or p95_ms <= limit_ms
