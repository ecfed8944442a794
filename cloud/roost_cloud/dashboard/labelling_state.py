"""How a task's labels stand, and how near the next run is. Pure."""

from roost_cloud.api.label_help import ProgressModel
from roost_cloud.api.label_queue import SummaryModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.markup import Markup, address, joined, link, tag

__all__ = ["progress", "summary"]


def summary(found: SummaryModel) -> Markup:
    """Labelled samples by label."""
    labelled = sum(found.labels.values())
    pairs = [(label, words.count_of(found.labels.get(label, 0))) for label in found.space]
    pairs += [
        (state.replace("_", " "), words.count_of(count))
        for state, count in found.states.items()
        if state != "labelled"
    ]
    title = f"{words.count_of(labelled)} samples are labelled"
    return parts.section(title, parts.facts(pairs))


def progress(found: ProgressModel) -> Markup:
    """How near the next run is."""
    if found.run is not None:
        run = link(address("training", found.run), found.run)
        if found.run_had is None:
            return tag("p", "Run ", run, " is under way.", kind="note")
        gauge = _gauge(found.run_had + found.new, found.run_wanted)
        says = f" {words.count_of(found.run_had + found.new)} of about {words.count_of(found.run_wanted)} labels"
        return tag("p", gauge, "Run ", run, f" waits for labels:{says}.", kind="note busy")
    new = words.count_of(found.new)
    if found.opens_at is not None:
        says = f"Towards the next run: {new} of {words.count_of(found.opens_at)} new labels."
        return tag("p", _gauge(found.new, found.opens_at), says, kind="note")
    says = f"{new} labels are new since the last run. Their number opens none; an alarm, a date or a person does"
    return tag("p", says, " (", link(address("training"), "see training"), ").", kind="note")


def _gauge(count: int, wanted: int) -> Markup:
    filled = tag("i", style=f"width: {min(count / wanted, 1):.0%}")
    return joined([tag("span", filled, kind="gauge", aria_hidden="true")])
