"""A cloud for tests: real rooms over a real database, called through its HTTP application in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from roost_cloud.app import create_app
from roost_cloud.people import Role, tenants, tokens
from roost_cloud.services import Services
from roost_cloud.settings import CloudSettings, load_settings

__all__ = ["Cloud", "ManualClock", "settings_for"]


class ManualClock:
    """A clock that goes on only when told."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_ns = 0

    def now_ns(self) -> int:
        return self._elapsed_ns

    def wall(self) -> datetime:
        return self._start + timedelta(microseconds=self._elapsed_ns // 1000)

    def advance(self, time: timedelta) -> None:
        self._elapsed_ns += int(time.total_seconds() * 1e9)


def settings_for(folder: Path, **settings: Any) -> CloudSettings:
    """Settings with all data in `folder`."""
    return load_settings(None, environment={}, overrides={"data_dir": folder, **settings})


@dataclass
class Cloud:
    """One cloud, and ways to speak to it."""

    services: Services
    clock: ManualClock
    client: TestClient = field(init=False)
    _standing: dict[tuple[str | None, Role], str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.client = TestClient(create_app(self.services), raise_server_exceptions=False)

    def tenant(self, name: str) -> None:
        """Make a tenant, if it is not there."""
        with self.services.database.begin() as session:
            if name not in {tenant.name for tenant in tenants.page(session, limit=1000)}:
                tenants.create(session, name, actor="test", now=self.services.now())

    def token(self, tenant: str | None = "acme", role: Role = "admin", lifetime: timedelta | None = None) -> str:
        """A fresh token's text, of a tenant that is made where it is missing; None for the platform's."""
        if tenant is not None:
            self.tenant(tenant)
        with self.services.database.begin() as session:
            issued = tokens.issue(
                session,
                tenant=tenant,
                name="test",
                role=role,
                lifetime=lifetime,
                actor="test",
                now=self.services.now(),
            )
            return issued.text

    def headers(self, tenant: str | None = "acme", role: Role = "admin") -> Mapping[str, str]:
        """What a request carries of whoever has that role there, the same at every call."""
        if (tenant, role) not in self._standing:
            self._standing[tenant, role] = self.token(tenant, role)
        return {"Authorization": f"Bearer {self._standing[tenant, role]}"}
