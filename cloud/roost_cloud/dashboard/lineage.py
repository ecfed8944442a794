"""From alarms and data to a run, to a bundle, to its rollouts and what came of it, as pages show it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from roost_cloud.api import bundles, rollouts
from roost_cloud.api.bundles import OriginModel, VersionModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.api.rollout_models import RolloutModel
from roost_cloud.dashboard.graph import Node, draw
from roost_cloud.dashboard.markup import Markup, address
from roost_cloud.dashboard.parts import mood_of, word_of
from roost_cloud.dashboard.visitor import Visitor
from roost_cloud.errors import NotFoundError

__all__ = ["Story", "graph_of", "seek", "sources"]

_ROLLOUTS: Final = 100
_ID_CHARS: Final = 8
_DIGEST_CHARS: Final = 19  # "sha256:" and twelve


class Story(NamedTuple):
    """A bundle, and the rollouts that carried it."""

    version: VersionModel
    rollouts: Sequence[RolloutModel]


async def seek(visitor: Visitor, reference: str | None) -> Story | None:
    """What is known of `NAME:VERSION`, with or without its digest; None where the registry does not have it."""
    name, sign, version = (reference or "").partition("@")[0].partition(":")
    if not sign:
        return None
    try:
        found = await visitor.call(bundles.get_version, name=name, version=version)
    except NotFoundError:
        return None
    page = PageQuery(_ROLLOUTS)
    carried = (await visitor.call(rollouts.list_rollouts, page=page, task=found.task)).items
    return Story(found, [one for one in carried if found.digest in one.bundle])


def graph_of(story: Story) -> Markup:
    """Drawn, with a way to each page."""
    one = story.version
    this = Node("bundle", f"{one.name}:{one.version}", address("models", one.name, one.version), "this")
    came = [
        Node(f"rollout {each.id[:_ID_CHARS]}", word_of(each.state), address("rollouts", each.id), mood_of(each.state))
        for each in story.rollouts
    ]
    came += [
        Node(f"run from it, {word_of(each.state)}", each.candidate, address("training", each.run), mood_of(each.state))
        for each in one.lineage.runs
    ]
    before = sources(one)
    made = one.lineage.origin
    run = [] if made is None else [Node("training run", made.run, address("training", made.run), "good")]
    says = f"From alarms and data to {one.name}:{one.version}, and on"
    return draw([before, run, [this], came], says=says)


def sources(one: VersionModel) -> list[Node]:
    """What a bundle was made of, and why."""
    found = [
        Node(
            "made of",
            f"{each.name}:{each.version}",
            None if each.deleted else address("models", each.name, each.version),
        )
        for each in one.lineage.parents
    ]
    made = one.lineage.origin
    return found if made is None else [*_causes(made), *found]


def _causes(made: OriginModel) -> list[Node]:
    found = [Node("alarm", alarm, address("alarms", alarm), "bad") for alarm in made.alarms]
    if not found:
        found.append(Node("opened by", made.cause, None, "quiet"))
    if made.snapshot is not None:
        found.append(Node("data", made.snapshot[:_DIGEST_CHARS], address("datasets", made.snapshot)))
    return found
