"""What a command is given: TOML, by a file or standard input; and a sample by its name."""

import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import typer

from roost_shared.config_file import read_toml
from roost_shared.errors import ConfigError

__all__ = ["GivenSample", "read_given", "read_sample"]


class GivenSample(NamedTuple):
    """A sample, and whose."""

    device: str
    sample: str


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


def read_sample(text: str) -> GivenSample:
    """A sample as lists show it, DEVICE/SAMPLE.

    Raises:
        BadParameter: it is none.
    """
    device, slash, sample = text.partition("/")
    if not slash:
        raise typer.BadParameter(f"{text!r} has no '/': write DEVICE/SAMPLE")
    return GivenSample(device, sample)
