"""The cloud a command speaks to: the one `roost login` wrote down, or the environment names."""

import os

import typer

from roost_cloud.client import ApiClient
from roost_cloud.credentials import find_credentials

__all__ = ["connect", "profile_of"]


def connect(context: typer.Context) -> ApiClient:
    """Open the API as whoever is logged in; `roost --profile NAME …` says as whom.

        with connect(context) as cloud: ...

    Raises:
        ConfigError: nobody is logged in.
    """
    return ApiClient(find_credentials(os.environ, profile_of(context)))


def profile_of(context: typer.Context) -> str | None:
    """The login that `roost --profile NAME …` asks for; None for the current one."""
    profile = context.find_root().params.get("profile")
    return None if profile is None else str(profile)
