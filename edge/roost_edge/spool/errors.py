"""What can be wrong with the spool. Whatever it is, answers go on; what was not kept is counted and said."""

from roost_shared.errors import ContentError, DeviceError

__all__ = [
    "EntryDamagedError",
    "EntryGoneError",
    "EntryInvalidError",
    "SpoolBusyError",
    "SpoolError",
    "SpoolFullError",
    "SpoolIndexError",
    "SpoolUnreadableError",
    "SpoolUnwritableError",
    "unwritable",
]


class SpoolError(DeviceError):
    """The spool cannot do what was asked."""

    code = "spool"


class SpoolBusyError(SpoolError):
    """Another process has this spool."""

    code = "spool.busy"


class SpoolFullError(SpoolError):
    """There is no room: the quota, or the disk's free space, is used up by what is worth no less."""

    code = "spool.full"


class SpoolUnwritableError(SpoolError):
    """The disk does not take it: full, read-only or failing."""

    code = "spool.unwritable"


class SpoolUnreadableError(SpoolError):
    """The disk, or this process, cannot read now what is kept; trying again may help."""

    code = "spool.unreadable"


class SpoolIndexError(SpoolError):
    """The index cannot be read."""

    code = "spool.index"


class EntryGoneError(SpoolError):
    """The entry has been dropped or committed meanwhile."""

    code = "spool.entry_gone"


class EntryDamagedError(SpoolError):
    """The entry's bytes are not what they were when it was kept."""

    code = "spool.entry_damaged"


class EntryInvalidError(ContentError):
    """What was offered is no entry: its sample is known, its digest wrong, or its probability none."""

    code = "spool.entry_invalid"


def unwritable(error: OSError) -> SpoolUnwritableError:
    """What the disk says, as the spool says it."""
    place = f"{error.filename}: " if error.filename else ""
    return SpoolUnwritableError(f"{place}{error.strerror or error}")
