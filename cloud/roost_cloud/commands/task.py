"""`roost task set|show|list|delete`: the tasks whose contestants the cloud runs."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from roost_cloud.commands.connect import connect
from roost_cloud.commands.given import read_given
from roost_cloud.commands.output import AsJson, show, show_table, when
from roost_shared.errors import ConfigError
from roost_shared.topics import check_name

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Tasks whose contestants the cloud runs.")

_Name = Annotated[str, typer.Argument(help="The task's name.")]


class _Task(msgspec.Struct, frozen=True):
    name: str
    document: dict[str, Any]
    version: int
    updated_at: datetime
    updated_by: str

    @property
    def contestants(self) -> str:
        """Who takes part, in short."""
        return " ".join(f"{one['name']}={one['bundle']}" for one in self.document["contestants"])


@app.command("set")
def set_task(
    context: typer.Context,
    name: _Name,
    file: Annotated[
        Path,
        typer.Argument(help="TOML: a task as in agent.toml, or a file with [tasks.NAME]; - for standard input."),
    ],
) -> None:
    """Make a task or change it; scorers follow within seconds."""
    document = _document(name, file)
    with connect(context) as cloud:
        task = cloud.call("PUT", f"/tasks/{check_name(name, 'task')}", _Task, body=document)
    typer.echo(f"task {task.name}, version {task.version}: {task.contestants}")


@app.command("show")
def show_task(context: typer.Context, name: _Name, *, as_json: AsJson = False) -> None:
    """Show a task."""
    with connect(context) as cloud:
        task = cloud.get(f"/tasks/{check_name(name, 'task')}", _Task)
    terms = {key: value for key, value in task.document.items() if not isinstance(value, list) and value is not None}
    lines = [f"task {task.name}, version {task.version}, {when(task.updated_at)} by {task.updated_by}"]
    lines += [f"  {key} = {msgspec.json.encode(value).decode()}" for key, value in terms.items()]
    for part in ("contestants", "rules"):
        lines += [f"  {part[:-1]}: {_said(one)}" for one in task.document[part]]
    show(task, as_json=as_json, text="\n".join(lines))


@app.command("list")
def list_tasks(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the tasks."""
    columns = {
        "TASK": lambda one: one.name,
        "VERSION": lambda one: str(one.version),
        "CONTESTANTS": lambda one: one.contestants,
        "CHANGED": lambda one: when(one.updated_at),
        "BY": lambda one: one.updated_by,
    }
    with connect(context) as cloud:
        show_table(cloud.each("/tasks", _Task), columns, as_json=as_json)


@app.command()
def delete(context: typer.Context, name: _Name) -> None:
    """Remove a task: nobody scores its questions from now on."""
    with connect(context) as cloud:
        cloud.call("DELETE", f"/tasks/{check_name(name, 'task')}", type(None))
    typer.echo(f"task {name}: deleted")


def _document(name: str, file: Path) -> Any:
    """A task's document, wherever in the file it stands.

    Raises:
        ConfigError: the file cannot be read, or has other tasks only.
    """
    raw = read_given(file)
    if "tasks" not in raw:
        return raw
    tasks = raw["tasks"]
    if not isinstance(tasks, dict) or name not in tasks:
        raise ConfigError(
            where=str(file), key="tasks", problem=f"there is no [tasks.{name}]", remedy="Name one of the file's tasks"
        )
    return tasks[name]


def _said(table: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in table.items() if value is not None)
