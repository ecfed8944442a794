"""`roost trust status`: roles, their keys, and until when what they have signed holds."""

from datetime import UTC, datetime

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import AsJson, show_json, show_table, when

__all__ = ["status"]


class _Key(msgspec.Struct, frozen=True):
    keyid: str
    keytype: str
    scheme: str
    public: str


class _Role(msgspec.Struct, frozen=True):
    name: str
    version: int
    expires: datetime | None
    threshold: int
    keys: list[_Key]
    targets: list[str] | None

    @property
    def expiry(self) -> str:
        """Until when it holds, in words."""
        if self.expires is None:
            return "not signed yet"
        text = when(self.expires) or ""
        return text if datetime.now(UTC) < self.expires else f"EXPIRED {text}"


class _Trust(msgspec.Struct, frozen=True):
    tenant: str
    root_digest: str
    roles: list[_Role]


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show roles, how many of which keys sign for each, and until when what they have signed holds."""
    with connect(context) as cloud:
        trust = cloud.get("/trust", _Trust)
    if as_json:
        show_json(trust)
        return
    typer.echo(f"{trust.tenant}: root {trust.root_digest}")
    columns = {
        "ROLE": lambda one: one.name,
        "VERSION": lambda one: str(one.version),
        "UNTIL (UTC)": lambda one: one.expiry,
        "SIGN": lambda one: f"{one.threshold} of {len(one.keys)}",
        "KEYS": lambda one: " ".join(key.keyid[:12] for key in one.keys),
        "RELEASED": lambda one: None if one.targets is None else str(len(one.targets)),
    }
    show_table(trust.roles, columns, as_json=False)
