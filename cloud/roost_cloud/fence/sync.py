"""Fetch, decide, write, reload, expel; and again. Whatever fails leaves the broker with the last good files.

revoked.crl     Mosquitto's `crlfile`: certificates that no longer open the door
devices.acl     its `acl_file` for devices: who is inside and may do nothing any more
enforced.json   what was done, so that a restart does not expel anybody twice
"""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from roost_cloud.fence.acl import with_revoked
from roost_cloud.fence.enforcement import Enforced, Step, next_step
from roost_cloud.fleet.revocations import RevocationsDocument, read_document
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND, Clock
from roost_shared.complaints import Complaints
from roost_shared.durable import write_durably
from roost_shared.errors import ConfigError, RoostError
from roost_shared.messages import UNREADABLE

__all__ = ["FenceSync", "keep_in_sync"]

_FIRST_RETRY_NS: Final = 2 * SECOND
_LAST_RETRY_NS: Final = 30 * SECOND  # a revocation takes effect within a minute of the cloud's return
_log: Final = structlog.get_logger(__name__)


class FenceSync:
    """One broker's files.

    Args:
        folder: holds them; `devices.acl` must be there.
        fetch: the document, as bytes.
        reload: has the broker read its files.
        expel: ends the connection of an identity; None where the access list has to do.
        clock: whose wall clock is the broker's.

    Raises:
        ConfigError: there is no `devices.acl`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fetch: Callable[[], bytes],
        reload: Callable[[], None],
        expel: Callable[[str], None] | None,
        clock: Clock,
    ) -> None:
        self._crl = folder / "revoked.crl"
        self._acl = folder / "devices.acl"
        self._state = folder / "enforced.json"
        self._fetch = fetch
        self._reload = reload
        self._expel = expel
        self._clock = clock
        if not self._acl.is_file():
            raise ConfigError(
                where=str(self._acl),
                key="",
                problem="there is no such file",
                remedy="Copy it from firmware-config/mosquitto",
            )
        self.enforced = self._read_state()

    def once(self) -> Step:
        """Do what there is to do; after an error, the next time does what was left.

        Raises:
            RoostError: the cloud, the document, the reload or the broker failed.
            OSError: the disk refused.
        """
        document = read_document(self._fetch())
        step = next_step(document, self.enforced, self._clock.wall())
        if step.write:
            self._write(document)
            self._reload()
            known = frozenset[str]() if self.enforced is None else self.enforced.expelled
            self._keep(msgspec.structs.replace(step.enforced, expelled=known))
            _log.info("revocations enforced", revoked=len(document.revoked), ends_at=step.enforced.ends_at.isoformat())
        if self._expel is not None:
            for identity in step.expel:
                self._expel(identity)
                _log.info("device expelled", device=identity)
        if step.enforced != self.enforced:
            self._keep(step.enforced)
        return step

    def ends_at(self) -> datetime | None:
        """When the broker's lists run out, None if it has none."""
        return None if self.enforced is None else self.enforced.ends_at

    def _write(self, document: RevocationsDocument) -> None:
        write_durably(self._acl, with_revoked(self._acl.read_text(), document.revoked).encode())
        write_durably(self._crl, document.crl_pem.encode())

    def _keep(self, enforced: Enforced) -> None:
        write_durably(self._state, msgspec.json.encode(enforced))
        self.enforced = enforced

    def _read_state(self) -> Enforced | None:
        """What was done before; None, and all is done again, where that cannot be told."""
        try:
            enforced = msgspec.json.decode(self._state.read_bytes(), type=Enforced)
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            _log.warning("state unreadable, doing everything again", file=str(self._state), error=str(error))
            return None
        return enforced if self._crl.is_file() else None


def keep_in_sync(sync: FenceSync, every_s: float, stopping: threading.Event, clock: Clock) -> None:
    """Sync until `stopping` is set: every `every_s` seconds, after a failure sooner, then at most 30 s apart."""
    complaints = Complaints(clock)
    backoff = Backoff(_FIRST_RETRY_NS, _LAST_RETRY_NS)
    while not stopping.is_set():
        wait_s = every_s
        try:
            sync.once()
            backoff.reset()
        except (RoostError, OSError) as error:
            code = error.code if isinstance(error, RoostError) else "os"
            ends_at = sync.ends_at()
            until = (
                "the broker has no lists" if ends_at is None else f"nobody can connect after {ends_at:%Y-%m-%d %H:%M}"
            )
            complaints.note(code, f"{error}; {until}")
            wait_s = backoff.next_ns(CHANCE.random()) / SECOND
        stopping.wait(wait_s)
