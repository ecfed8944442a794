"""The database: connections, tables, migrations. Queries live in the rooms they belong to.

- `database.py`: connections and transactions, alike on SQLite and PostgreSQL.
- `tables/` on the ground of `base.py`; `migrations/`, how they came to be.
- What queries share: `insert.py` (what somebody else may be inserting), `documents.py` (what people put whole),
  `keyed.py` and `among.py` (rows by many keys at once).
"""

from roost_cloud.db.base import Base
from roost_cloud.db.database import (
    Database,
    DatabaseDamagedError,
    DatabaseFullError,
    DatabaseUnavailableError,
    Turn,
)

__all__ = ["Base", "Database", "DatabaseDamagedError", "DatabaseFullError", "DatabaseUnavailableError", "Turn"]
