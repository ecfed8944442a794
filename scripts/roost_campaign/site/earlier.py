"""What a device's inputs in the store were after earlier rounds: pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.site.feeder import Asked
from scripts.roost_campaign.site.invariants import Leave

__all__ = ["Earlier"]

_SHOWN: Final = 5


class Earlier:
    """Of one device, over all rounds of a site."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._doubled: set[str] = set()  # was told, or is excused

    def look(
        self, stored: Mapping[str, int], asked: Sequence[Asked], leave: Leave, outcome: Outcome
    ) -> Mapping[str, int]:
        """Remember it for the next round.

        Args:
            stored: how often an input is in the store, by digest, of all rounds.
            asked: of this round.
            leave: what is excused: a broker that was killed goes back to what it had saved, up to half a minute ago,
                and brings inputs of an earlier round again.
            outcome: gets what is gone.

        Returns:
            `stored`, with an input once that was doubled in an earlier round, or by such a broker.
        """
        gone = self._seen - stored.keys()
        outcome.require(not gone, "what is in the store stays there", sorted(gone)[:_SHOWN])
        self._seen |= stored.keys()
        doubled = {digest for digest, times in stored.items() if times > 1}
        if leave.lost_by_broker:
            again = doubled - self._doubled - {one.sha256 for one in asked}
            outcome.count("inputs of earlier rounds that a killed broker brought again", len(again))
            self._doubled |= again
        told = {digest: 1 if digest in self._doubled else times for digest, times in stored.items()}
        self._doubled |= doubled
        return told
