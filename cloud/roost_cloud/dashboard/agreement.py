"""How far contestants agree: each with each, and those that answer with the baseline. Pure."""

from collections.abc import Sequence
from typing import Final

from roost_cloud.api.activity_tasks import ContestantModel, PairModel
from roost_cloud.dashboard import parts
from roost_cloud.dashboard.markup import Markup, table, tag
from roost_cloud.dashboard.words import count_of, share_of

__all__ = ["against_baselines", "matrix"]

_DEPTH: Final = 40  # per cent of colour where all agree


def matrix(pairs: Sequence[PairModel]) -> Markup:
    """Each contestant with each: the share of inputs of which both said the same."""
    names = sorted({name for pair in pairs for name in (pair.one, pair.other)})
    if not names:
        return parts.empty("No two contestants have said anything of the same inputs in this time.")
    by_pair = {frozenset((pair.one, pair.other)): pair for pair in pairs}
    rows = [
        (name, *(_cell(by_pair.get(frozenset((name, other))), name == other) for other in names)) for name in names
    ]
    caption = "Inputs of which two contestants said the same"
    drawn = table(("", *names), rows, caption=caption)
    return tag("div", drawn, kind="agreement", tabindex="0", role="group", aria_label=caption)


def _cell(pair: PairModel | None, is_itself: bool) -> Markup:  # noqa: FBT001 - of a comparison
    if pair is None:
        return tag("span", "itself" if is_itself else "never compared", kind="dim")
    depth = f"background: color-mix(in srgb, var(--link) {pair.agreement * _DEPTH:.0f}%, transparent)"
    return tag(
        "span", tag("strong", share_of(pair.agreement)), f" of {count_of(pair.compared)}", kind="cell", style=depth
    )


def against_baselines(
    contestants: Sequence[ContestantModel], pairs: Sequence[PairModel], baselines: Sequence[str]
) -> Markup:
    """Each contestant beside each baseline: whether models have moved, or the world."""
    if not baselines:
        says = "No contestant is a baseline. An old, stable model as one shows whether the new one moved or the world:"
        return parts.empty(
            says, parts.command('[[tasks.NAME.contestants]]\nname = "old"\nrole = "baseline"\nbundle = "…"')
        )
    by_name = {one.contestant: one for one in contestants}
    rows = []
    for baseline in baselines:
        for pair in pairs:
            if baseline in (pair.one, pair.other):
                other = pair.other if pair.one == baseline else pair.one
                rows.append((f"{other} / {baseline}", *_beside(pair, by_name.get(other), by_name.get(baseline))))
    if not rows:
        return parts.empty("No baseline has said anything in this time.")
    heads = ("Contestant / baseline", "Agree", "Median confidence", "p50", "p99")
    return table(heads, rows, caption="Contestants beside baselines")


def _beside(pair: PairModel, one: ContestantModel | None, other: ContestantModel | None) -> tuple[str, ...]:
    both = [each for each in (one, other) if each is not None]
    return (
        f"{share_of(pair.agreement)} of {count_of(pair.compared)}",
        " / ".join(share_of(each.confidence) for each in both),
        " / ".join(parts.latency(each.p50_ms) for each in both),
        " / ".join(parts.latency(each.p99_ms) for each in both),
    )
