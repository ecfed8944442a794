"""How agent.toml is read: once at start, checked whole.

Precedence: command line (`--set broker.url=…`) over environment (`ROOST_BROKER_URL`) over file over default. Every
error names the file, the key and the remedy. Unknown keys are errors: a mistyped limit must not be silently ignored.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import msgspec

from roost_edge.settings.checks import check_config
from roost_edge.settings.config import AgentConfig, TaskConfig
from roost_shared.config_file import convert, put, read_toml
from roost_shared.errors import ConfigError

__all__ = ["load_config"]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


def _structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in the type of a setting, the outermost first."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        parts = tuple(field.type for field in msgspec.structs.fields(kind))
    else:
        parts = get_args(kind)
    for part in parts:
        yield from _structs_in(part)


# Tables of which there is one each, such as [broker]: environment and command line can state their settings too.
_SECTIONS: Final = {
    field.name: structs[0]
    for field in msgspec.structs.fields(AgentConfig)
    if field.name != "tasks" and (structs := list(_structs_in(field.type)))
}
_KNOWN: Final = frozenset(name for kind in _structs_in(AgentConfig) for name in kind.__struct_fields__)  # for guesses


def load_config(
    path: Path, *, environment: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> AgentConfig:
    """Read agent.toml.

    Args:
        path: the file.
        environment: variables; those that name a setting (`ROOST_BROKER_URL`) replace the file's.
        overrides: dotted key to text, from the command line; they replace everything else.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong.
    """
    raw = read_toml(path, absent="Give its path with --config")
    stated: dict[str, str] = {}  # by whom, where it was not the file
    for where, settings in (
        ("environment", _from_environment(environment or {})),
        ("command line", overrides or {}),
    ):
        for key, text in settings.items():
            put(raw, key, text, where=where)
            stated[key] = where
    try:
        return _read(raw, path)
    except ConfigError as error:
        if error.key not in stated:
            raise
        raise ConfigError(
            where=stated[error.key], key=error.key, problem=error.problem, remedy=error.remedy
        ) from error


def _read(raw: dict[str, Any], path: Path) -> AgentConfig:
    where, base = str(path), path.resolve().parent
    tasks = raw.pop("tasks", {})
    if not isinstance(tasks, dict):
        raise ConfigError(where=where, key="tasks", problem="not a table", remedy="Write [tasks.NAME]")
    config = convert(raw, AgentConfig, where=where, known=_KNOWN)
    read = {
        name: convert(task, TaskConfig, where=where, prefix=f"tasks.{name}", known=_KNOWN)
        for name, task in tasks.items()
    }
    config = _absolute(msgspec.structs.replace(config, tasks=read), base)
    check_config(config, where)
    return config


def _settings() -> list[str]:
    """Dotted keys of all settings that one piece of text can state."""
    kinds: dict[str, type[msgspec.Struct]] = {"": AgentConfig} | {f"{name}.": kind for name, kind in _SECTIONS.items()}
    keys = [f"{prefix}{field.name}" for prefix, kind in kinds.items() for field in msgspec.structs.fields(kind)]
    return [key for key in keys if key not in (*_SECTIONS, "tasks")]


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    named = {f"ROOST_{key.upper().replace('.', '_')}": key for key in _settings()}
    return {named[name]: text for name, text in environment.items() if name in named}


def _absolute(section: _Struct, base: Path) -> _Struct:
    """The section, and what lies in it, with all paths seen from `base`."""
    given = {name: getattr(section, name) for name in section.__struct_fields__}
    return msgspec.structs.replace(section, **{name: _seen_from(base, value) for name, value in given.items()})


def _seen_from(base: Path, value: Any) -> Any:
    match value:
        case Path():
            return base / value
        case msgspec.Struct():
            return _absolute(value, base)
        case list():
            return [_seen_from(base, one) for one in value]
        case dict():
            return {name: _seen_from(base, one) for name, one in value.items()}
        case _:
            return value
