"""Clouds for steps that work on a database: SQLite and PostgreSQL in turn."""

from collections.abc import Iterator
from contextlib import contextmanager

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.services import open_services
from scripts.roost_campaign.step import Room, Step
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.postgres import Postgres

__all__ = ["a_cloud", "a_database_url"]


@contextmanager
def a_database_url(step: Step, room: Room) -> Iterator[str]:
    """A database at the newest step of the schema: PostgreSQL for the first step, SQLite for the next, in turn."""
    if step.number % 2:
        yield _upgraded(f"sqlite:///{room.folder / 'roost.db'}")
        return
    with Postgres() as cluster:
        yield _upgraded(cluster.url(cluster.new_database()))


@contextmanager
def a_cloud(step: Step, room: Room) -> Iterator[Cloud]:
    """One with its data in the step's folder, and its time standing still."""
    with a_database_url(step, room) as url:
        clock = ManualClock()
        with open_services(settings_for(room.folder / "cloud", database_url=url), clock=clock) as services:
            cloud = Cloud(services, clock)
            with cloud.client:
                yield cloud


def _upgraded(url: str) -> str:
    database = Database(url)
    upgrade(database)
    database.close()
    return url
