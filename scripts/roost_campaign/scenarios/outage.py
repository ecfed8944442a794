"""Simulated days without a cloud: a spool that overflows keeps a fair share, and says what it dropped.

Classes are judged apart, each by what its inputs stand for together: room is made in the lowest down to its floor, and
in a higher one then, so none runs out. Of a few inputs the scatter cannot be estimated: then it is only that they are
there.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from roost_edge.spool.index import connect, transaction
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.opening import INDEX
from roost_edge.spool.store import Spool
from roost_shared.clock import SECOND
from roost_shared.records import DroppedRecord, SampleRecord, decode_record
from scripts.roost_campaign.step import Room, Step
from tests.support.spool_work import all_batches, new_entry, payload_of, sweep

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 0.5
TYPICAL_S: Final = 30.0
LIMIT_S: Final = 900.0
EVERY_S: Final = 30  # an input, of simulated time
DAY_S: Final = 86_400
PROBABILITY: Final = 0.5  # with which each was kept
SIGMAS: Final = 5.0
INPUT_BYTES: Final = 6400  # as they are on average, with their records
ROOMS: Final = (0.1, 0.2, 0.4, 0.65)  # of what all of them would take; a quarter of them is worth more
FEW: Final = 30  # inputs that speak for a class: of fewer, the scatter cannot be estimated


def run(step: Step, room: Room) -> None:
    """A day or two through some boots; then the link is back, and everything is looked at."""
    dice, outcome = step.dice(), room.outcome
    kept: dict[str, int] = {}  # the class of each
    days, boots = dice.randint(1, 2), dice.randint(1, 6)
    each = days * DAY_S // EVERY_S // boots
    quota_bytes = int(dice.choice(ROOMS) * each * boots * INPUT_BYTES)
    limits = SpoolLimits(quota_bytes=quota_bytes, reserve_bytes=0, outbox_bytes=8 << 20, segment_bytes=500_000)
    _seed_coins(room.folder / "spool", limits, dice.getrandbits(48))
    for boot in range(boots):
        spool = Spool(room.folder / "spool", f"boot{boot}", limits, 0)
        now_ns = 0
        for number in range(each):
            now_ns += EVERY_S * SECOND
            new = new_entry(f"boot{boot}-{number}", probability=PROBABILITY, priority=dice.choice((0, 0, 0, 1)))
            kept |= {one.sample: new.priority for one in spool.append([new], now_ns=now_ns) if one.kept}
            if not number % 10:
                spool.tick(now_ns)
            held = spool.describe()
            present = {int(name) for name, count in held["entries"].items() if count}
            told = f"{held['entry_bytes']} of {quota_bytes} bytes are left by {held['entries']}"
            outcome.require(present >= set(kept.values()), "no class runs out", told)
        spool.close()
    outcome.count("days without a cloud", days)
    outcome.count("inputs kept without a cloud", len(kept))
    _check(kept, limits, room)


def _seed_coins(folder: Path, limits: SpoolLimits, number: int) -> None:
    """A new spool numbers its rounds from anywhere, and coins follow from that: here they are the step's own."""
    Spool(folder, "boot0", limits, 0).close()
    with contextlib.closing(connect(folder / INDEX)) as connection, transaction(connection):
        connection.execute("UPDATE state SET round = ?", (number,))


def _check(kept: dict[str, int], limits: SpoolLimits, room: Room) -> None:
    everything = SpoolLimits(quota_bytes=limits.quota_bytes, sealed_share=100.0, reserve_bytes=0)
    spool = Spool(room.folder / "spool", "judge", everything, 0)
    present: dict[str, float] = {}
    served = Counter[str]()
    for entry, _, payload in sweep(spool):
        room.outcome.require(payload == payload_of(entry.sample), "what was kept is whole", entry.sample)
        present[entry.sample] = entry.probability
        served[entry.sample] += 1
    records = [decode_record(data) for batch in all_batches(spool) for data in batch.records]
    spool.close()
    dropped = {name for record in records if isinstance(record, DroppedRecord) for name in record.samples}
    told = {record.sample for record in records if isinstance(record, SampleRecord)}
    room.outcome.count("inputs dropped, and said to be", len(dropped))
    room.outcome.count("inputs told of", len(told))
    room.outcome.require(dropped, "what has no room is dropped, and said to be", f"{len(kept)} were kept")
    room.outcome.require(set(served.values()) <= {1}, "an input is there once", served.most_common(3))
    missing = [name for name in kept if name not in present and name not in dropped]
    room.outcome.require(not missing, "what was kept is there, or said to be dropped", missing[:5])
    room.outcome.require(not dropped & present.keys(), "what is dropped is gone", sorted(dropped & present.keys())[:5])
    for priority in sorted(set(kept.values())):
        there = [present[name] for name in kept if kept[name] == priority and name in present]
        if len(there) >= FEW:
            room.outcome.count("classes held to what they stand for", 1)
            _check_fairness(there, sum(one == priority for one in kept.values()), priority, room)


def _check_fairness(there: Iterable[float], kept: int, priority: int, room: Room) -> None:
    """Each stands for as many as its probability says: together, within chance, for all there were in their class."""
    weights = [1 / probability for probability in there]
    spread = math.sqrt(sum(one * (one - 1 / PROBABILITY) for one in weights))
    off = abs(sum(weights) - kept / PROBABILITY)
    told = f"class {priority}: {len(weights)} of {kept} stand for {sum(weights):.0f}, not {kept / PROBABILITY:.0f}"
    room.outcome.require(off <= SIGMAS * spread + 1e-6, "a kept input's probability is true", f"{told} ± {spread:.0f}")
