"""Where to listen: an address of this machine and a port."""

import ipaddress
import re
from typing import Final, NamedTuple, Self

from roost_shared.errors import ContentError

__all__ = ["ListenAddress", "ListenAddressError"]

_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+|localhost)):(?P<port>[0-9]{1,5})")
_MAX_PORT: Final = 65535


class ListenAddressError(ContentError):
    """The text is no address to listen at."""

    code = "http.listen"


class ListenAddress(NamedTuple):
    """An IP address and a port; port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT`; no name but `localhost` is looked up, because that may take long, and change.

        Raises:
            ListenAddressError: it is none; says why.

        >>> ListenAddress.parse("[::1]:8000")
        ListenAddress(host='::1', port=8000)
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise ListenAddressError(f"{text!r} is no IP address and port, such as 127.0.0.1:8000 or [::1]:8000")
        host = found["six"] or found["four"].replace("localhost", "127.0.0.1")
        try:
            ipaddress.ip_address(host)
        except ValueError as error:
            raise ListenAddressError(str(error)) from error
        if int(found["port"]) > _MAX_PORT:
            raise ListenAddressError(f"{found['port']} is no port")
        return cls(host, int(found["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
