"""The policies of tasks, as the database has them; looked at again at most once a second, as scorers do."""

from collections import OrderedDict
from typing import Final, NamedTuple

from roost_cloud.db import Database
from roost_cloud.tasks import store
from roost_cloud.tasks.document import read_task
from roost_shared.clock import SECOND, Clock
from roost_shared.rendezvous import TaskPolicy

__all__ = ["Catalogue"]

_FRESH_NS: Final = 1 * SECOND
_REMEMBERED: Final = 1000  # tasks


class _Known(NamedTuple):
    read_ns: int
    policy: TaskPolicy


class Catalogue:
    """Finds policies; from any thread.

    Args:
        database: where tasks are.
        clock: for how old a reading is.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def policy(self, tenant: str, task: str) -> TaskPolicy:
        """A task's policy, unique by name among all tenants'.

        Raises:
            NotFoundError: the tenant has no such task.
            BadTaskError: a newer Roost wrote it.
            DatabaseUnavailableError: that cannot be told just now.
        """
        now_ns = self._clock.now_ns()
        known = self._known.get((tenant, task))
        if known is None or now_ns - known.read_ns > _FRESH_NS:
            with self._database.read() as session:
                document = store.get(session, tenant, task).document
            known = _Known(now_ns, read_task(task, document).policy(f"{tenant}/{task}"))
            self._known[tenant, task] = known
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known.policy
