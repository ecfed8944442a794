"""A flag for every setting of the cloud, made from the settings themselves: one place says what there is."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import msgspec
import typer

from roost_cloud.settings import CloudSettings, load_settings

__all__ = ["with_settings"]

_CONFIG: Final = inspect.Parameter(
    "config",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[Path | None, typer.Option(help="cloud.toml; flags and ROOST_CLOUD_… go over it.")],
)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Make of `command(settings, …)` one that takes `--config` and a flag for each setting in place of `settings`."""
    own = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != "settings"]
    flags = [_flag(field) for field in msgspec.structs.fields(CloudSettings)]

    @functools.wraps(command)
    def with_flags(**given: Any) -> None:
        overrides = {flag.name: given.pop(flag.name) for flag in flags}
        settings = load_settings(given.pop("config"), environment=os.environ, overrides=overrides)
        command(settings=settings, **given)

    parameters = [*own, _CONFIG, *flags]
    # Typer reads the one, and where it resolves names the other.
    with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_flags


def _flag(field: msgspec.structs.FieldInfo) -> inspect.Parameter:
    """What is no switch is taken as text: the settings say what is wrong with it, wherever it comes from."""
    hint = get_type_hints(CloudSettings, include_extras=True)[field.name]
    (meta,) = (each for each in hint.__metadata__ if isinstance(each, msgspec.Meta))
    kind: Any = bool | None if hint.__origin__ is bool else str | None
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, typer.Option(help=f"{meta.description}.", show_default=False)],
    )
