"""What models say of an input that somebody labels, and what its device saw just before and after. Pure."""

from roost_cloud.api.label_help import GuessModel
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.markup import Markup, address, joined, link, table, tag

__all__ = ["guess_shown"]


def guess_shown(device: str, number: int, one: GuessModel) -> Markup:
    """Of the input at that place of the sheet."""
    lead = joined(
        ["Answered ", tag("strong", one.answered or "nothing"), f", {words.share_of(one.confidence)} sure. Not blind."]
    )
    rows = [(each.contestant, each.label or "nothing", words.share_of(each.confidence)) for each in one.said]
    near = [
        tag(
            "li",
            parts.picture(device, each.sample, each.answered),
            tag("div", link(address("answers", device, each.sample), each.answered or "no answer")),
            tag("div", f"people say {each.truth}" if each.truth else "nobody has looked", kind="dim"),
            tag("div", f"{each.received_at:%H:%M:%S} UTC", kind="dim"),
        )
        for each in one.neighbours
    ]
    inside: list[object] = [tag("p", lead, kind="lead")]
    if rows:
        inside.append(table(("Contestant", "Says", "Sure"), rows, caption="What contestants say"))
    if near:
        inside += [tag("h3", f"What {device} saw just before and after"), tag("ul", *near, kind="answers")]
    return parts.section(f"What models say of input {number}", *inside)
