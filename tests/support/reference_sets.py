"""Reference sets of a few bytes, and reading them from files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roost_shared.bundle.manifest import ReferenceSpec
from roost_shared.bundle.reference import ReferenceSample, read_reference_stream

__all__ = ["read_reference", "reference_of", "reference_sample"]


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


def read_reference(path: Path, spec: ReferenceSpec) -> Iterator[ReferenceSample]:
    """The inputs of the set in a file."""
    with path.open("rb") as file:
        yield from read_reference_stream(str(path), file, spec)
