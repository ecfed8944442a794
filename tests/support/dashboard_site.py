"""A stocked dashboard, served by a real `roost cloud serve`, with a window that looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roost_shared.bundle import Bundle
from tests.support.browser import Look, looking
from tests.support.cloud_process import CloudProcess
from tests.support.dashboard_cloud import DashboardCloud, stock_dashboard

__all__ = ["DashboardSite", "open_dashboard", "stock"]


@dataclass
class DashboardSite:
    """A served cloud, what is in it, and a window in which an operator is signed in.

    Attributes:
        process: that serves it.
        look: the window.
        stocked: what is in it.
        operator: a token.
        viewer: another.
    """

    process: CloudProcess
    look: Look
    stocked: DashboardCloud
    operator: str
    viewer: str

    def api(self, path: str) -> Any:
        return self.process.client(self.operator).get(path, dict[str, Any])


@contextmanager
def stock(folder: Path, bundle: Bundle) -> Iterator[DashboardCloud]:
    """A dashboard's cloud that `open_dashboard` then serves from the same folder."""
    with stock_dashboard(folder / "data", _database(folder), bundle) as stocked:
        yield stocked


@contextmanager
def open_dashboard(folder: Path, stocked: DashboardCloud, *, role: str) -> Iterator[DashboardSite]:
    """Serve what is stocked, as these roles, and look at it."""
    operator, viewer = (stocked.cloud.token(role=one) for one in ("operator", "viewer"))
    with (
        CloudProcess(folder, "--database-url", _database(folder), "--role", role) as process,
        looking(process.start().url) as look,
    ):
        look.sign_in(operator)
        yield DashboardSite(process, look, stocked, operator, viewer)


def _database(folder: Path) -> str:
    return f"sqlite:///{folder / 'roost.db'}"
