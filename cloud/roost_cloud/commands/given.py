"""TOML that a command is given: a file, or standard input."""

import sys
import tomllib
from pathlib import Path
from typing import Any

from roost_shared.config_file import read_toml
from roost_shared.errors import ConfigError

__all__ = ["read_given"]


def read_given(file: Path) -> dict[str, Any]:
    """What a file says; `-` is standard input.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    if str(file) != "-":
        return read_toml(file)
    try:
        return tomllib.load(sys.stdin.buffer)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(where="standard input", key="", problem=str(error), remedy="Mend the TOML there") from error
