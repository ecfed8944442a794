"""The one label of a sample that follows from all that was said of it. Pure.

People stand over teachers: one person's word outweighs any number of them, and where people are tied no teacher tips
the scales. Teachers count only where a task says which, only when they are sure, and only while those that are sure
agree.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from roost_cloud.labels.said import Kind, Said, current

__all__ = ["NO_TEACHERS", "Effective", "State", "Teachers", "effective"]

State = Literal["labelled", "tied", "cannot_tell", "unlabelled"]


class Teachers(NamedTuple):
    """Whom a task believes besides people.

    Attributes:
        names: of contestants, or of those whose labels were imported.
        min_confidence: that they need, 0…1; without any they are not believed.
    """

    names: frozenset[str] = frozenset()
    min_confidence: float = 0.95


NO_TEACHERS = Teachers()


class Effective(NamedTuple):
    """What follows.

    Attributes:
        label: what the sample shows; None unless it is labelled.
        state: `tied`: people, or believed teachers, disagree and none of the labels leads; `cannot_tell`: people have
            looked, and none could.
        kind: of whom the label is; None unless it is labelled.
        people: that looked.
    """

    label: str | None
    state: State
    kind: Kind | None
    people: int


def effective(said: Iterable[Said], teachers: Teachers = NO_TEACHERS) -> Effective:
    """What follows from all that was said of a sample.

    Args:
        said: in the order in which it was recorded.
        teachers: who is believed besides people.
    """
    now = current(said)
    people = [one for one in now if one.kind == "person"]
    votes = Counter(one.label for one in people if one.label is not None)
    if votes:
        label = _leading(votes)
        return Effective(
            label, "tied" if label is None else "labelled", None if label is None else "person", len(people)
        )
    taught = {one.label for one in now if one.label is not None and _is_believed(one, teachers)}
    if len(taught) == 1:
        return Effective(taught.pop(), "labelled", "teacher", len(people))
    if taught:
        return Effective(None, "tied", None, len(people))
    return Effective(None, "cannot_tell" if people else "unlabelled", None, len(people))


def _leading(votes: Counter[str]) -> str | None:
    (label, most), *others = votes.most_common(2)
    return None if any(count == most for _, count in others) else label


def _is_believed(one: Said, teachers: Teachers) -> bool:
    return (
        one.kind == "teacher"
        and one.source in teachers.names
        and one.confidence is not None
        and one.confidence >= teachers.min_confidence
    )
