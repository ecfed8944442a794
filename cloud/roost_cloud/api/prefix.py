"""Where the API is below a host. Routers are made with it: one mounted below another's prefix is made twice."""

from typing import Final

__all__ = ["PREFIX"]

PREFIX: Final = "/api/v1"
