"""A version of the registry as people read it: where it comes from, and what came of it."""

from collections.abc import Iterator

from roost_cloud.commands.output import when
from roost_cloud.transfer.registry import Relative, WholeVersion

__all__ = ["fields_of"]


def fields_of(version: WholeVersion) -> Iterator[tuple[str, str]]:
    """What is known of a version, a name and a value a line."""
    lineage = version.lineage
    yield "bundle", f"{version.name}:{version.version}"
    yield "digest", version.digest
    yield "task", version.task or "–"
    yield "bytes", f"{version.size_bytes:,}"
    if version.aliases:
        yield "aliases", " ".join(version.aliases)
    yield "pushed", f"{when(version.created_at)} by {version.created_by}"
    yield "parent", _relatives(lineage.parents) or lineage.parent_digest or "none"
    if (origin := lineage.origin) is not None:
        yield "run", f"{origin.run}, opened {when(origin.opened_at)} by {origin.opened_by}: {origin.reason}"
        yield "alarms", " ".join(origin.alarms) or "none"
        yield "trainer", " ".join(filter(None, (origin.trainer, origin.trainer_version)))
        yield "dataset", origin.snapshot or "none"
    elif lineage.training_run is not None:
        yield "run", f"{lineage.training_run}, as it says itself"
    if lineage.children:
        yield "children", _relatives(lineage.children)
    for run in lineage.runs:
        yield "started", f"run {run.run} for {run.candidate}: {run.state}"


def _relatives(relatives: list[Relative]) -> str:
    return ", ".join(f"{one.name}:{one.version}{' (deleted)' if one.deleted else ''}" for one in relatives)
