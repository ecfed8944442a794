"""Labelled inputs in a folder: `DIR/<label>/<file>`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from roost_shared.errors import ContentError

__all__ = ["Example", "ExamplesError", "evenly", "read_examples"]


class ExamplesError(ContentError):
    """A folder of examples does not fit the labels."""

    code = "examples.invalid"


class Example(NamedTuple):
    """A payload in a file, and its true label."""

    label: str
    path: Path


def read_examples(folder: Path, labels: Sequence[str]) -> list[Example]:
    """The examples in `folder`, in order of their names.

    Raises:
        ExamplesError: there are none, or a subfolder is called like no label.
    """
    known = set(labels)
    examples: list[Example] = []
    for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ():
        if subfolder.name not in known:
            raise ExamplesError(f"{subfolder}: no label is called {subfolder.name!r}")
        examples.extend(Example(subfolder.name, path) for path in sorted(subfolder.iterdir()) if path.is_file())
    if not examples:
        raise ExamplesError(f"{folder}: holds no examples; put them into {folder}/<label>/")
    return examples


def evenly(examples: Sequence[Example], count: int) -> Sequence[Example]:
    """At most `count` of `examples`, spread evenly over them, so over their labels too."""
    if len(examples) <= count:
        return examples
    return [examples[number * len(examples) // count] for number in range(count)]
