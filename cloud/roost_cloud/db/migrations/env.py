"""What alembic runs for each command: our tables, over the connection it was given."""

from alembic import context

import roost_cloud.db.tables  # noqa: F401 - completes the metadata
from roost_cloud.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,  # SQLite alters a table by copying it
    user_module_prefix="base.",
)
# No transaction of its own: whoever gave the connection commits all steps or none.
context.run_migrations()
