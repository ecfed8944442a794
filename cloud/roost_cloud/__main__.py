"""`roost`: the command of operators, engineers and the cloud itself.

Errors raised on purpose end in one line on standard error, their code first, and exit status 1.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from roost_cloud.commands import (
    alarm,
    assign,
    audit,
    broker,
    bundle,
    cloud,
    dataset,
    device,
    drift,
    gate,
    hook,
    label,
    login,
    replay,
    rollout,
    samples,
    task,
    tenant,
    token,
    train,
    trust,
)
from roost_shared.errors import RoostError

__all__ = ["app", "main"]

app = typer.Typer(name="roost", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(alarm.app, name="alarm")
app.add_typer(broker.app, name="broker")
app.add_typer(bundle.app, name="bundle")
app.add_typer(cloud.app, name="cloud")
app.add_typer(dataset.app, name="dataset")
app.add_typer(device.app, name="device")
app.add_typer(drift.app, name="drift")
app.add_typer(gate.app, name="gate")
app.add_typer(hook.app, name="hook")
app.add_typer(label.app, name="label")
app.add_typer(rollout.app, name="rollout")
app.add_typer(samples.app, name="samples")
app.add_typer(task.app, name="task")
app.add_typer(tenant.app, name="tenant")
app.add_typer(token.app, name="token")
app.add_typer(train.app, name="train")
app.add_typer(trust.app, name="trust")
for command in (login.login, login.logout, login.whoami, assign.assign, audit.audit, replay.replay):
    app.command()(command)


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
