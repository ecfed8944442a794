"""Reference sets of a few bytes."""

import hashlib
from typing import Any

from roost_shared.bundle.reference import ReferenceSample

__all__ = ["reference_of", "reference_sample"]


def reference_sample(payload: bytes, label: str, **fields: Any) -> ReferenceSample:
    """An input as a reference set has it, by default for judging."""
    given: dict[str, Any] = {"suffix": "input.json", "weight": 1.0, "device": "", "part": "test"}
    return ReferenceSample(
        sha256=hashlib.sha256(payload).hexdigest(), payload=payload, label=label, **{**given, **fields}
    )


def reference_of(*labels: str) -> list[ReferenceSample]:
    """An input of each label, every other one for training."""
    return [
        reference_sample(f"[{number}]".encode(), label, part="train" if number % 2 else "test")
        for number, label in enumerate(labels)
    ]
