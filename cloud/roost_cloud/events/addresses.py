"""Where a webhook may lead to. Pure.

Whoever names a URL must not reach by us what they cannot reach themselves: this machine, its neighbours, the address
at which a cloud hands out credentials. So only addresses of the public internet will do, and the networks that the
setting `hook_networks` names. Addresses that hold another are judged by both.

>>> [may_reach(text) for text in ("93.184.215.14", "169.254.169.254", "127.0.0.1", "10.0.0.8", "::ffff:10.0.0.8")]
[True, False, False, False, False]
>>> may_reach("10.0.0.8", parse_networks(["10.0.0.0/8"]))
True
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from roost_shared.errors import ContentError

__all__ = ["BadHookUrlError", "Network", "check_url", "may_reach", "parse_networks"]

Network = IPv4Network | IPv6Network

_URL_CHARS: Final = 2000


class BadHookUrlError(ContentError):
    """A webhook cannot have this URL; says why."""

    code = "hook.url"


def check_url(url: str) -> str:
    """Return `url`.

    Raises:
        BadHookUrlError: it is none that a webhook can have.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadHookUrlError(f"the URL cannot be read: {error}") from error
    if len(url) > _URL_CHARS or any(not char.isprintable() or char.isspace() for char in url) or not url.isascii():
        raise BadHookUrlError(f"a URL has at most {_URL_CHARS} characters, all of them ASCII, and no space")
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise BadHookUrlError("write https://HOST/PATH: what is told is for one receiver alone")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadHookUrlError("a URL has no user and no fragment: the signature says who we are")
    return url


def parse_networks(texts: Iterable[str]) -> list[Network]:
    """Networks as people write them.

    Raises:
        ValueError: one is none.
    """
    return [ip_network(text) for text in texts]


def may_reach(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether a webhook may be sent to an address.

    Args:
        address: as a name resolved to.
        allowed: networks that are, though they are not of the public internet.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(
        (one.is_global and not one.is_multicast and not one.is_reserved) or any(one in network for network in allowed)
        for one in _held(found)
    )


def _held(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or those of version 4 that it stands for, beside it where it is one of its own."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    held: list[IPv4Address | IPv6Address] = [address]
    if address.sixtofour is not None:
        held.append(address.sixtofour)
    if address.teredo is not None:
        held.extend(address.teredo)
    return held
