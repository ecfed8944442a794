"""`roost`: the command of operators, engineers and the cloud itself.

Errors raised on purpose end in one line on standard error, their code first, and exit status 1.
"""

import functools
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from roost_shared.errors import RoostError

__all__ = ["app", "main"]

# Nouns, each a module of `commands` with an `app`; and words that stand for themselves, with the module each is in.
_NOUNS: Final = (
    *("alarm", "broker", "bundle", "cloud", "dataset", "device", "drift", "gate", "hook", "label", "rollout"),
    *("samples", "task", "tenant", "token", "train", "trust"),
)
_WORDS: Final = {
    "login": "login",
    "logout": "login",
    "whoami": "login",
    "assign": "assign",
    "audit": "audit",
    "replay": "replay",
}


class _Loading(Mapping[str, Any]):
    """The commands by name, each loaded when it is used: to load and to build them all takes longer than most do."""

    def __getitem__(self, name: str) -> Any:
        if name not in _WORDS and name not in _NOUNS:
            raise KeyError(name)
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*_WORDS, *_NOUNS))

    def __len__(self) -> int:
        return len(_WORDS) + len(_NOUNS)


class _Commands(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Loading()  # type: ignore[assignment]  # nobody adds to them


@functools.cache
def _command(name: str) -> Any:
    module = import_module(f"roost_cloud.commands.{_WORDS.get(name, name)}")
    if name in _NOUNS:
        found = typer.main.get_command(module.app)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(getattr(module, name))
        found = typer.main.get_command(alone)
    found.name = name
    return found


app = typer.Typer(
    name="roost", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - called back by typer
    if asked:
        typer.echo(f"roost {version('roost')}")
        raise typer.Exit


@app.callback()
def _roost(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option(envvar="ROOST_PROFILE", help="Who to be of those logged in; see `roost login`.")
    ] = None,
) -> None:
    """Answers from models at the edge: bundles, fleets, labels and rollouts."""
    del profile  # `commands/connect.py` finds it


def main() -> None:
    """Run the command line."""
    try:
        app()
    except RoostError as error:
        _fail(f"{error.code}: {error}")
    except OSError as error:
        _fail(str(error))


def _fail(text: str) -> None:
    typer.echo(f"roost: {text}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
