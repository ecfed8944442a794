"""How far something is, as a bar and in words: the devices of a rollout's stage, the steps of a training run. Pure."""

from roost_cloud.api.rollout_models import CountsModel
from roost_cloud.dashboard.markup import Markup, joined, tag
from roost_cloud.dashboard.words import count_of

__all__ = ["bar", "steps"]


def bar(counts: CountsModel) -> Markup:
    """A bar, and the same in words, for those who do not see colours."""
    every = (
        ("good", "confirmed", counts.confirmed),
        ("bad", "failed", counts.failed),
        ("busy", "under way", counts.under_way),
        ("quiet", "waiting", counts.waiting),
        ("quiet", "unreachable", counts.unreachable),
        ("quiet", "never connected", counts.unseen),
        ("quiet", "left", counts.left),
    )
    told = [f"{count_of(count)} {says}" for _, says, count in every if count]
    if not told:
        return tag("span", "none yet", kind="dim")
    pieces = [tag("i", kind=mood, style=f"flex: {count}") for mood, _, count in every if count and mood != "quiet"]
    rest = sum(count for mood, _, count in every if mood == "quiet")
    if rest:
        pieces.append(tag("i", style=f"flex: {rest}"))
    return joined([tag("div", *pieces, kind="bar", aria_hidden="true"), tag("div", ", ".join(told), kind="number")])


def steps(done: int, total: int, what: str) -> Markup:
    """Steps of a piece of work, of which it is not always known how many there are."""
    if total <= 0:
        return tag("span", what or "–")
    filled = tag("i", style=f"width: {min(done / total, 1):.0%}")
    told = tag("div", f"{count_of(done)} of {count_of(total)} {what}", kind="number")
    return joined([tag("span", filled, kind="gauge", aria_hidden="true"), told])
