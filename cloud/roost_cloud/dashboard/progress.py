"""How far the devices of a rollout's stage are, as a bar and in words. Pure."""

from roost_cloud.api.rollouts import CountsModel
from roost_cloud.dashboard.markup import Markup, joined, tag
from roost_cloud.dashboard.words import count_of

__all__ = ["bar"]


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
