"""What every role's rounds of work run under: whatever a round raises, the next one comes.

An error that was meant, a `RoostError`, is told at /readyz and in the log until a round succeeds. One that nobody
meant is a fault of our own or of a library: its traceback goes to the log, it gets a type and a code, and the rounds
come ever less often, as what raised it is most likely there the next time too. Both are counted.

Only what begins anew from the database may run under it. Threads that keep the state of a connection or of requests in
memory do not: whoever cannot trust that any more had better end the process, as `serve.py` sees to.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import prometheus_client
import structlog

from roost_cloud.db import DatabaseUnavailableError
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND
from roost_shared.errors import DeviceError, RoostError

__all__ = ["Guard", "Pieces", "RoleFaultError", "typed"]

log = structlog.get_logger(__name__)

_FIRST_REST_NS: Final = 2 * SECOND
_LONGEST_REST_NS: Final = 120 * SECOND

_Done = TypeVar("_Done")


class RoleFaultError(DeviceError):
    """A fault of our own, at work nobody waits for; the log has its traceback."""

    code = "role.fault"


def typed(error: Exception, **what: object) -> RoostError:
    """An error as one of ours: itself, or else a `RoleFaultError` in its stead, its traceback in the log.

    Args:
        error: caught at the boundary of a piece of work.
        what: the work was about, for the log.
    """
    if isinstance(error, RoostError):
        return error
    log.error("role.fault", **what, exc_info=error)
    return RoleFaultError(f"a fault of the cloud's own, {type(error).__name__}; its log says more")


class Pieces:
    """Pieces of a round that neither stand nor fall together: what one raises is raised when all have had their turn.

    A database that is away is every piece's trouble, and is raised at once.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[tuple[str, object], ...], RoostError] = {}
        self._said: dict[tuple[tuple[str, object], ...], str] = {}

    def begin(self) -> None:
        """A round begins."""
        self._failed = {}

    @contextmanager
    def piece(self, **what: object) -> Iterator[None]:
        """Work at a piece within; what it raises is logged, until it says the same again in the next round.

        Args:
            what: the piece is about, such as its tenant.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        key = tuple(what.items())
        try:
            yield
        except DatabaseUnavailableError:
            raise
        except Exception as raised:  # noqa: BLE001 - the boundary of a piece: the others have their turn
            error = typed(raised, **what)
            self._failed[key] = error
            if self._said.get(key) != str(error) and error is raised:  # else its traceback is in the log
                log.warning("round.piece_failed", code=error.code, message=str(error), **what)

    def end(self) -> None:
        """All have had their turn.

        Raises:
            RoostError: what the first that failed had raised.
        """
        self._said = {key: str(error) for key, error in self._failed.items()}
        for error in self._failed.values():
            raise error


class Guard:
    """Of a role's loops; a loop is known by its name.

    Args:
        role: whose; `roost_{role}_rounds` counts its rounds by loop and outcome.
        metrics: where that is registered.
        draw: randomness for the rests, evenly in 0…1.
    """

    def __init__(
        self, role: str, metrics: prometheus_client.CollectorRegistry, *, draw: Callable[[], float] = CHANCE.random
    ) -> None:
        self._role = role
        self._draw = draw
        self._failures: dict[str, str] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._rests_s: dict[str, float] = {}
        self._counter = prometheus_client.Counter(
            f"roost_{role}_rounds", "Rounds of work, by what came of them.", ["loop", "outcome"], registry=metrics
        )

    @property
    def problem(self) -> str | None:
        """The loops whose last round failed, and of what; None if there are none."""
        return "; ".join(f"{loop}: {text}" for loop, text in self._failures.copy().items()) or None

    def run(self, loop: str, work: Callable[[], _Done], *, otherwise: _Done) -> _Done:
        """Go a round.

        Returns:
            What `work` did, or `otherwise` where it failed.
        """
        try:
            done = work()
        except Exception as error:  # noqa: BLE001 - the boundary of a round: typed, logged and counted
            self._failed(loop, typed(error, role=self._role, loop=loop))
            return otherwise
        self._counter.labels(loop, "done").inc()
        if self._failures.pop(loop, None) is not None:
            log.info("round.works_again", role=self._role, loop=loop)
        self._backoffs.pop(loop, None)
        self._rests_s.pop(loop, None)
        return done

    def rest_s(self, loop: str, every_s: float) -> float:
        """How long to wait for the next round, in seconds: `every_s`, or longer after faults of our own in a row."""
        return max(every_s, self._rests_s.get(loop, 0.0))

    def _failed(self, loop: str, error: RoostError) -> None:
        self._counter.labels(loop, error.code).inc()
        text = f"{error.code}: {error}"
        if self._failures.get(loop) != text:  # else it is said already, until it works again
            log.warning("round.failed", role=self._role, loop=loop, code=error.code, message=str(error))
        self._failures[loop] = text
        if isinstance(error, RoleFaultError):
            backoff = self._backoffs.setdefault(loop, Backoff(_FIRST_REST_NS, _LONGEST_REST_NS))
            self._rests_s[loop] = backoff.next_ns(self._draw()) / SECOND
