"""Working as the user whom a folder belongs to.

Root enrols for the agent's user. What that user put into its folder, a symbolic link among it, must not lead root
elsewhere, so root lays its rights down first: then a link opens nothing that its maker could not have opened.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["as_owner_of"]


@contextlib.contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Have the rights of `folder`'s owner and no more; only root can, and for anybody else nothing changes.

    Args:
        folder: while it is not there, the owner of the one it would be made in counts.

    Raises:
        OSError: the owner cannot be told, or this root may not become it.
    """
    if os.geteuid() != 0:
        yield
        return
    owner = next(place for place in (folder, *folder.parents) if place.exists()).stat()
    if owner.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
