"""Confusion matrices: what people say down, what a bundle said across; the darker, the more inputs. Pure."""

from collections.abc import Sequence
from typing import Final

from roost_cloud.api.comparison import CellModel, EvaluationModel
from roost_cloud.dashboard import words
from roost_cloud.dashboard.markup import Markup, joined, tag

__all__ = ["BY_WORDS", "evaluation", "matrix"]

_LABELS: Final = 16  # of a matrix; of those beyond it is said how many there are
_NOTHING: Final = "nothing"
BY_WORDS: Final = {
    "gate_new": ("Where the world changed", "Inputs that no trainer saw, as the gate ran both on them."),
    "gate_old": ("Where it did not", "Reference inputs that no trainer saw, as the gate ran both on them."),
    "labels": (
        "Live inputs that people labelled",
        "Only those that both scored, and people looked at: often the ones on which the two disagreed.",
    ),
}


def evaluation(one: EvaluationModel, first: str, second: str) -> Markup:
    """Two bundles on the same inputs."""
    title, says = BY_WORDS[one.by]
    sums = [
        (f"{first} right", _share(one.first_right, one.inputs)),
        (f"{second} right", _share(one.second_right, one.inputs)),
        (f"Only {first} right", words.count_of(one.first_only)),
        (f"Only {second} right", words.count_of(one.second_only)),
        ("Inputs", words.count_of(one.inputs)),
    ]
    facts = tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in sums), kind="facts")
    labels = _labels([*one.first, *one.second])
    both = tag("div", matrix(one.first, first, labels), matrix(one.second, second, labels), kind="two")
    return tag("section", tag("h2", title), tag("p", says, kind="dim"), facts, both)


def matrix(cells: Sequence[CellModel], name: str, labels: Sequence[str]) -> Markup:
    """One bundle's."""
    counts = {(cell.truth, cell.said or _NOTHING): cell.inputs for cell in cells}
    columns = [*labels, *([_NOTHING] if any(cell.said is None for cell in cells) else [])]
    rows = [label for label in labels if any(cell.truth == label for cell in cells)]
    totals = {row: sum(cell.inputs for cell in cells if cell.truth == row) for row in rows}
    head = tag("tr", tag("th", "shows", scope="col"), *(tag("th", column, scope="col") for column in columns))
    body = [
        tag(
            "tr",
            tag("th", row, scope="row"),
            *(_cell(counts.get((row, column), 0), totals[row], is_right=row == column) for column in columns),
        )
        for row in rows
    ]
    left_out = sum(
        cell.inputs
        for cell in cells
        if cell.truth not in labels or (cell.said is not None and cell.said not in labels)
    )
    note = (
        tag("p", f"{words.count_of(left_out)} inputs of rarer labels are not shown.", kind="dim") if left_out else ""
    )
    caption = tag("caption", f"What {name} said of inputs, by what these show")
    inside = tag("table", caption, tag("thead", head), tag("tbody", *body), kind="matrix")
    return tag(
        "div", tag("div", inside, kind="wide", tabindex="0", role="region", aria_label=f"What {name} said"), note
    )


def _labels(cells: Sequence[CellModel]) -> list[str]:
    """The most frequent, by name."""
    counts: dict[str, int] = {}
    for cell in cells:
        for label in {cell.truth, cell.said or cell.truth}:
            counts[label] = counts.get(label, 0) + cell.inputs
    return sorted(sorted(counts, key=lambda label: -counts[label])[:_LABELS])


def _cell(inputs: int, total: int, *, is_right: bool) -> Markup:
    if not inputs:
        return tag("td", tag("span", "·", aria_hidden="true"), kind="none")
    depth = 1 + min(int(4 * inputs / max(total, 1)), 3)
    return tag("td", words.count_of(inputs), kind=f"{'right' if is_right else 'wrong'} depth{depth}")


def _share(count: int, inputs: int) -> Markup:
    return joined(
        [words.share_of(count / inputs if inputs else None), tag("span", f" ({words.count_of(count)})", kind="dim")]
    )
