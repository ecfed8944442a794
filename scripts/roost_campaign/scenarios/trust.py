"""Attackers without a key at a tenant's TUF repository, several at once: nothing of theirs is ever believed."""

from typing import Final

from roost_shared.errors import RoostError
from roost_shared.trust import TrustRefusedError, TrustStaleError, TrustUnreachableError
from scripts.roost_campaign.step import Room, Step
from tests.support.trust_attacks import CASES, honest, released
from tests.support.tuf_repository import DAY, MANIFEST, TufRepository

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 0.3
TYPICAL_S: Final = 15.0
LIMIT_S: Final = 600.0
ROUNDS: Final = 60
TOGETHER: Final = 3  # attacks at most
BELIEVED: Final = released(MANIFEST)
TYPED: Final = (TrustRefusedError, TrustStaleError, TrustUnreachableError)
AHEAD: Final = 9  # versions that an attack may have the cloud sign, and one more


def run(step: Step, room: Room) -> None:
    """One device through many attacks, each followed by an honest answer that it must believe again."""
    dice, outcome = step.dice(), room.outcome
    repository = TufRepository()
    client = repository.client(room.folder / "device")
    client.verify_manifest("meter", "meter", "1")
    names = sorted(CASES)
    for number in range(ROUNDS):
        whole_table = step.number == 0 and number < len(names)
        chosen = [names[number]] if whole_table else dice.sample(names, dice.randint(1, TOGETHER))
        attacked = honest(repository)
        if not _attack(attacked, chosen):
            outcome.count("attacks that exclude each other")
            continue
        client = attacked.client(room.folder / "device", root=repository.pinned)
        outcome.count("attacks on the root of trust", len(chosen))
        try:
            client.refresh()
            told = client.verify_manifest("meter", "meter", "1")
        except TYPED:
            outcome.count("attacks that were refused")
        except RoostError as error:
            outcome.broken("an attack is refused by its name", (chosen, repr(error)))
        else:
            outcome.require(told == BELIEVED, "nothing unsigned is believed", (chosen, told))
            alone = len(chosen) == 1 and whole_table
            outcome.require(not alone, "an attack is refused", chosen)
        repository.now = max(repository.now, attacked.now)
        _go_on(repository)
        client = repository.client(room.folder / "device")
        client.refresh()
        told = client.verify_manifest("meter", "meter", "1")
        outcome.require(told == BELIEVED, "an attack leaves no trace", (chosen, told))


def _attack(repository: TufRepository, chosen: list[str]) -> bool:
    """Whether all of them could be made: one may have taken away what another builds upon."""
    try:
        for name in chosen:
            CASES[name].attack(repository)
    except LookupError:
        return False
    return True


def _go_on(repository: TufRepository) -> None:
    """The honest cloud's next state, ahead of whatever an attacker had it sign, and what has expired renewed."""
    for signed in (repository.snapshot, repository.timestamp, repository.targets, repository.release):
        signed.version += AHEAD
        signed.expires = max(signed.expires, repository.now + 30 * DAY)
    repository.publish()
    repository.step()
