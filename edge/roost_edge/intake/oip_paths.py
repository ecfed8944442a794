"""What a path of the Open Inference Protocol asks for."""

import re
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import unquote

__all__ = ["Operation", "Route", "find_route"]

Operation = Literal["server", "live", "ready", "model", "model_ready", "infer"]

_PATH: Final = re.compile(
    r"(?:https?://[^/]*)?/v2(?:/health/(?P<health>live|ready)"
    r"|/models/(?P<task>[^/?#]+)(?:/versions/(?P<version>[^/?#]+))?(?:/(?P<verb>ready|infer))?)?/?(?:\?.*)?"
)
_VERBS: Final = {None: "model", "ready": "model_ready", "infer": "infer"}


class Route(NamedTuple):
    """An operation, and on what."""

    operation: Operation
    task: str = ""
    version: str | None = None


def find_route(target: str) -> Route | None:
    """What a request's target asks for; None if nothing.

    >>> find_route("/v2/models/meter/versions/1/infer")
    Route(operation='infer', task='meter', version='1')
    """
    found = _PATH.fullmatch(target)
    if found is None:
        return None
    if found["health"]:
        return Route(cast("Operation", found["health"]))
    if not found["task"]:
        return Route("server")
    version = found["version"]
    operation = cast("Operation", _VERBS[found["verb"]])
    return Route(operation, unquote(found["task"]), None if version is None else unquote(version))
