"""`roost login|logout|whoami`: who the other commands are, and at which cloud."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from roost_cloud.client import ApiClient, fetch_root
from roost_cloud.commands.connect import connect, profile_of
from roost_cloud.commands.output import AsJson, show
from roost_cloud.credentials import DEFAULT_PROFILE, Credentials, CredentialsFile, credentials_path
from roost_shared.cloud_url import check_cloud_url
from roost_shared.errors import ConfigError

__all__ = ["Identity", "login", "logout", "whoami"]

_Profile = Annotated[
    str | None, typer.Option(help="A name for this login, beside others; it becomes the current one.")
]


class Identity(msgspec.Struct, frozen=True):
    """Who the cloud says we are."""

    name: str
    tenant: str | None
    role: str

    def __str__(self) -> str:
        """In words."""
        scope = "the platform" if self.tenant is None else f"tenant {self.tenant}"
        return f"{self.name}, {self.role} of {scope}"


def login(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The cloud's address, such as https://roost.example:8443.")],
    *,
    token: Annotated[str | None, typer.Option(help="An API token; asked for, unseen, if not given.")] = None,
    ca_fingerprint: Annotated[
        str | None, typer.Option(help="Of the cloud's own root CA, `sha256:…`, where its certificate is by that.")
    ] = None,
    cafile: Annotated[
        Path | None, typer.Option(help="That root CA's certificate (PEM) itself.", exists=True, dir_okay=False)
    ] = None,
    profile: _Profile = None,
) -> None:
    """Ask the cloud who the token is, and remember both."""
    url = check_cloud_url(url)
    ca_pem = _read_root(cafile) if cafile else fetch_root(url, ca_fingerprint) if ca_fingerprint else None
    text = token if token is not None else str(typer.prompt("Token", hide_input=True))
    credentials = Credentials(url=url, token=text.strip(), ca_pem=ca_pem)
    with ApiClient(credentials) as cloud:
        identity = cloud.get("/whoami", Identity)
    path = credentials_path(os.environ)
    known = CredentialsFile.read(path)
    known.current = profile or profile_of(context) or DEFAULT_PROFILE
    known.profiles[known.current] = credentials
    known.write(path)
    typer.echo(f"logged in to {url} as {identity}")


def logout(
    context: typer.Context,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the token at the cloud first.")] = False,
) -> None:
    """Forget the current login, or that of `roost --profile NAME`."""
    if revoke:
        with connect(context) as cloud:
            name = cloud.get("/whoami", Identity).name
            cloud.call("DELETE", f"/tokens/{name.removeprefix('token:')}", type(None))
    path = credentials_path(os.environ)
    known = CredentialsFile.read(path)
    name = profile_of(context) or known.current
    if known.profiles.pop(name, None) is None:
        raise ConfigError(
            where=str(path), key="", problem=f"nobody is logged in as profile {name!r}", remedy="Nothing to do"
        )
    known.current = next(iter(known.profiles), DEFAULT_PROFILE)
    known.write(path)
    typer.echo("logged out" if not known.profiles else f"logged out; now {known.current!r} is current")


def whoami(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say who the cloud takes us for."""
    with connect(context) as cloud:
        identity = cloud.get("/whoami", Identity)
    show(identity, as_json=as_json, text=f"{identity} at {cloud.url}")


def _read_root(cafile: Path) -> str:
    try:
        return cafile.read_text(encoding="ascii")
    except UnicodeDecodeError as error:
        raise ConfigError(where=str(cafile), key="", problem="this is no PEM", remedy="Give a certificate") from error
