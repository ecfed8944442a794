"""Keys of objects: `{tenant}/{kind}/…`, and no other. Built and checked here, before any store sees them.

A key's first level is its tenant, so that one prefix fences a tenant in. A level begins with a letter, a digit
or `_`, so none is empty, `.`, `..` or hidden, and what a store keeps for itself (`.staging`) has no key.
"""

import re
from typing import Final

from roost_cloud.objects.errors import BadKeyError
from roost_shared.topics import is_name

__all__ = ["MAX_KEY_CHARS", "build_key", "check_key", "check_prefix", "check_same_tenant", "tenant_of"]

MAX_KEY_CHARS: Final = 512
_MIN_LEVELS: Final = 3  # tenant, kind, and something below
_LEVEL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,127}")


def build_key(tenant: str, kind: str, *levels: str) -> str:
    """The key of `levels` below a tenant's `kind`.

    >>> build_key("acme", "blobs", "sha256", "2c26b4")
    'acme/blobs/sha256/2c26b4'

    Raises:
        BadKeyError: a level is none, such as one that holds a `/`.
    """
    for level in (kind, *levels):
        if _LEVEL.fullmatch(level) is None:
            raise BadKeyError(f"{level[:64]!r} is no level of a key")
    return check_key("/".join((tenant, kind, *levels)))


def check_key(key: str) -> str:
    """Return `key`, or raise `BadKeyError` saying what is wrong with it."""
    levels = _check_levels(key)
    if len(levels) < _MIN_LEVELS:
        raise BadKeyError(f"key {key!r} has {len(levels)} levels; it needs a tenant, a kind and a name")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` (`{tenant}/` or more whole levels, with a slash at its end), or raise `BadKeyError`."""
    if not prefix.endswith("/"):
        raise BadKeyError(f"prefix {prefix[:64]!r} does not end in '/': `acme` would match the tenant `acme-2` too")
    _check_levels(prefix[:-1])
    return prefix


def tenant_of(key: str) -> str:
    """Whose object `key` is."""
    return check_key(key).partition("/")[0]


def check_same_tenant(source: str, target: str) -> None:
    """Raise `BadKeyError` unless both keys are sound and of one tenant."""
    if tenant_of(source) != tenant_of(target):
        raise BadKeyError(f"{source!r} and {target!r} are of different tenants")


def _check_levels(path: str) -> list[str]:
    if len(path) > MAX_KEY_CHARS:
        raise BadKeyError(f"key of {len(path)} characters; at most {MAX_KEY_CHARS}")
    levels = path.split("/")
    if not is_name(levels[0]):
        raise BadKeyError(f"key {path!r} does not begin with a tenant")
    for level in levels[1:]:
        if _LEVEL.fullmatch(level) is None:
            raise BadKeyError(f"key {path!r}: {level[:64]!r} is no level of a key")
    return levels
