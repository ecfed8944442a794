"""The database: connections, tables, migrations. Queries live in the rooms they belong to."""

from roost_cloud.db.base import Base
from roost_cloud.db.database import (
    Database,
    DatabaseDamagedError,
    DatabaseFullError,
    DatabaseUnavailableError,
    Turn,
)

__all__ = ["Base", "Database", "DatabaseDamagedError", "DatabaseFullError", "DatabaseUnavailableError", "Turn"]
