"""How what a device reports differs from what it is assigned, in a word. Pure.

>>> told = Told(version=6, desired=6, confirmed=True, trust="fresh", problem=False)
>>> following(0, told), following(6, None), following(6, told), following(7, told)
('none', 'unknown', 'following', 'pending')
>>> following(7, told._replace(trust="unreachable")), following(7, told._replace(desired=7, problem=True))
('stale', 'refused')
"""

from typing import Final, Literal, NamedTuple

__all__ = ["Following", "Told", "following"]

Following = Literal["none", "pending", "following", "refused", "stale", "unknown"]
_BELIEVES_NOTHING_NEW: Final = frozenset({"stale", "refused", "unreachable"})


class Told(NamedTuple):
    """What matters of a report."""

    version: int  # in force
    desired: int  # the newest that it has believed
    confirmed: bool
    trust: str
    problem: bool  # there is a reason why `desired` will not be in force, or why something newer is not believed


def following(assigned: int, told: Told | None) -> Following:
    """The word.

    - `none`: nothing is assigned.
    - `unknown`: it has never said what it runs, or runs a version that is none of ours.
    - `following`: the newest is in force there, and has proven itself.
    - `refused`: it will not run the newest; its report says why.
    - `stale`: it has an older one, and its look at what is released ended badly: it believes nothing new.
    - `pending`: it has yet to take it, or is still trying it.

    Args:
        assigned: the newest version; 0 for none.
        told: its last report; None for none.
    """
    if assigned == 0:
        return "none"
    if told is None or max(told.version, told.desired) > assigned:
        return "unknown"
    if told.version == assigned:
        return "following" if told.confirmed else "pending"
    if told.problem and told.desired in (assigned, told.version):
        return "stale" if told.desired < assigned and told.trust in _BELIEVES_NOTHING_NEW else "refused"
    if told.desired < assigned and told.trust in _BELIEVES_NOTHING_NEW:
        return "stale"
    return "pending"
