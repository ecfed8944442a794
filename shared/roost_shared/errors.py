"""Every error Roost raises on purpose, by cause.

Three roots say who has to act:

- `ContentError`: what we were given is bad (an input, a bundle, a config file). Whoever made it must mend it.
- `TransportError`: a link or a peer failed. Trying again may help.
- `DeviceError`: this machine cannot do it (no runtime, no memory, a worker that died).

Each class has a `code`, stable over versions, that crosses the wire as `ErrorInfo.code`. Codes are dotted:
the part before the dot names the noun, the part after it the fault (`input.truncated`). A room defines its
own leaves beside its own code; this file holds only the roots and what several rooms raise.
"""

from typing import ClassVar

__all__ = ["ConfigError", "ContentError", "DeviceError", "InputError", "RoostError", "TransportError"]


class RoostError(Exception):
    """Root of all errors raised on purpose. `str(error)` is one line for a person."""

    code: ClassVar[str] = "roost"


class ContentError(RoostError):
    """What we were given is bad."""

    code = "content"


class TransportError(RoostError):
    """A link or a peer failed."""

    code = "transport"


class DeviceError(RoostError):
    """This machine cannot do what was asked."""

    code = "device"


class InputError(ContentError):
    """The payload of a request cannot be scored; `code` says why (`input.empty`, `input.too_large`, …)."""

    code = "input"


class ConfigError(ContentError):
    """A configuration file is wrong.

    Args:
        where: the file, and the line where known.
        key: dotted path of the offending key, empty if the whole file is meant.
        problem: what is wrong with it.
        remedy: what to write instead.
    """

    code = "config.invalid"

    def __init__(self, *, where: str, key: str, problem: str, remedy: str) -> None:
        place = f"{where}: {key}" if key else where
        super().__init__(f"{place}: {problem}. {remedy}")
        self.where = where
        self.key = key
        self.problem = problem
        self.remedy = remedy
