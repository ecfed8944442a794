"""What `roost trust` says before anybody signs: what a draft changes, and which bundle it is."""

from pathlib import Path

import typer
from tuf.api.metadata import Root, Targets

from roost_cloud.commands.output import when
from roost_cloud.errors import ConflictError
from roost_shared.bundle import open_bundle

__all__ = ["check_manifest", "show_draft"]


def check_manifest(what: str, found: str, expect: str | None) -> None:
    """See that this is what the operator means: by a folder, a digest, or their word.

    Args:
        what: the bundle's name and version.
        found: its digest in the registry.
        expect: the digest it has to have, or the folder of the same bundle; None to ask.

    Raises:
        ConflictError: it is another.
    """
    if expect is None:
        typer.confirm(f"Let devices run {what}, {found}?", abort=True)
        return
    meant = expect.strip().lower() if expect.startswith("sha256:") else open_bundle(Path(expect)).digest
    if meant != found:
        raise ConflictError(f"{what} is {found} in the registry, and you meant {meant}: nothing was signed")


def show_draft(role: str, new: Root | Targets, old: Root | Targets | None) -> None:
    """Say what a draft changes, and ask."""
    typer.echo(f"{role} {new.version}, until {when(new.expires)}")
    for sign_, line in _changes(new, old):
        typer.echo(f"  {sign_} {line}")
    typer.confirm("Sign it?", abort=True)


def _changes(new: Root | Targets, old: Root | Targets | None) -> list[tuple[str, str]]:
    after, before = set(_lines(new)), set() if old is None else set(_lines(old))
    return [("+", line) for line in sorted(after - before)] + [("-", line) for line in sorted(before - after)]


def _lines(signed: Root | Targets) -> list[str]:
    if isinstance(signed, Root):
        roles = signed.roles
        return [f"{name}: {role.threshold} of {' '.join(role.keyids)}" for name, role in roles.items()]
    lines = [
        f"{path} {target.length} bytes sha256:{target.hashes['sha256']}" for path, target in signed.targets.items()
    ]
    if signed.delegations is not None:
        lines += [
            f"{name}: {role.threshold} of {' '.join(role.keyids)} for {' '.join(role.paths or ())}"
            for name, role in (signed.delegations.roles or {}).items()
        ]
    return lines
