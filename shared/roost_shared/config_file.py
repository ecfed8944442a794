"""Reading a TOML file into structs, with errors that name the file, the key and the remedy.

    raw = read_toml(path)
    put(raw, "broker.url", "mqtt://…", where="command line")   # settings from elsewhere go over the file's
    settings = convert(raw, Settings, where=str(path))

Unknown keys are errors where the struct forbids them: a mistyped limit must not be silently ignored.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from roost_shared.errors import ConfigError

__all__ = ["convert", "put", "read_toml"]

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_PLACE: Final = re.compile(r"(?P<problem>.*?)(?: - at `\$(?P<place>.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>.*)`")


def read_toml(path: Path, *, absent: str = "Give the path of one that is there") -> dict[str, Any]:
    """The file's data.

    Args:
        path: where it is.
        absent: the remedy where it is not.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise ConfigError(where=where, key="", problem="no such file", remedy=absent) from error
    except OSError as error:
        problem = error.strerror or str(error)
        raise ConfigError(where=where, key="", problem=problem, remedy="Make it readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(where=where, key="", problem=str(error), remedy="Mend the TOML there") from error


def put(raw: dict[str, Any], key: str, text: str, *, where: str) -> None:
    """Put a setting given as text into a file's data; TOML's lists and tables are read as such.

    Args:
        raw: the file's data, changed.
        key: dotted.
        text: the value; the field it lands in says whether that is a number.
        where: it was given (`environment`), for errors.

    Raises:
        ConfigError: a list or table is malformed, or the key goes through something that is no table.
    """
    value: Any = text
    if text.startswith(("[", "{")):
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(where=where, key=key, problem=str(error), remedy="Write it as in the file") from error
    *sections, last = key.split(".")
    table: Any = raw
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            problem = f"{section} is no table"
            raise ConfigError(where=where, key=key, problem=problem, remedy="Check the key's spelling")
    table[last] = value


def convert(raw: Any, kind: type[_Struct], *, where: str, prefix: str = "", known: Iterable[str] = ()) -> _Struct:
    """Make a struct of a file's data.

    Args:
        raw: the data, or a part of it.
        kind: the struct.
        where: the file, for errors.
        prefix: dotted key of the part.
        known: names of settings elsewhere, to guess what an unknown one should have been.

    Raises:
        ConfigError: a setting is unknown, missing or of the wrong kind.
    """
    try:
        return msgspec.convert(raw, kind, dec_hook=_decode_path, strict=False)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        problem = found["problem"] if found else str(error)
        place = ((found["place"] if found else None) or "").lstrip(".")
        unknown, missing = _UNKNOWN.fullmatch(problem), _MISSING.fullmatch(problem)
        name = (unknown or missing or {"name": ""})["name"]
        key = ".".join(part for part in (prefix, place, name) if part)
        if unknown:
            problem, remedy = "unknown setting", _did_you_mean(name, {*known, *kind.__struct_fields__})
        elif missing:
            problem, remedy = "missing", "It has no default: set it"
        else:
            remedy = "Give a value of that kind"
        raise ConfigError(where=where, key=key, problem=problem, remedy=remedy) from error


def _decode_path(kind: type, value: Any) -> Any:
    """For msgspec, which knows no paths. An empty one would silently mean the file's own folder."""
    if kind is not Path or not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected a path")
    return Path(value)


def _did_you_mean(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else "Remove it"
