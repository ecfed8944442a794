"""Write the next step of the schema's history from what the tables say now: `python -m … "add labels"`."""

import sys
import tempfile
from pathlib import Path

from alembic import command

from roost_cloud.db.database import Database
from roost_cloud.db.migrations.steps import configure, newest, upgrade


def main() -> int:
    """Compare the tables with a database at the newest step, and write the difference to `versions/`."""
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 - the program and its argument
        print(__doc__, file=sys.stderr)  # noqa: T201 - a command line speaks
        return 2
    step = f"{int(newest()) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder, 'newest.db')}")
        upgrade(database)
        with database.begin() as session:
            command.revision(configure(session.connection()), message=sys.argv[1], autogenerate=True, rev_id=step)
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
