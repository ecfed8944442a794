"""The schema's history: one file a step, each with a way up and a way down.

    upgrade(database)            # to the newest; safe when several processes start together
    downgrade(database, "base")  # back to an empty database

Write the next step with `python -m roost_cloud.db.migrations "what it does"`, then read what came out.
"""

from roost_cloud.db.migrations.steps import SchemaVersionError, current, downgrade, newest, upgrade

__all__ = ["SchemaVersionError", "current", "downgrade", "newest", "upgrade"]
