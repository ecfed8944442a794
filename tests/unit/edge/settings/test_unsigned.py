"""Bundles whose signature nobody checks do not run where a root of trust is pinned."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from roost_edge.identity import Identity
from roost_edge.identity.record import CloudRecord
from roost_edge.settings.config import AgentConfig, CloudConfig, TrustConfig
from roost_edge.settings.unsigned import UnsignedRefusedError, refuse_unsigned

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def identity(folder: Path, *, pinned: bool) -> Identity:
    if pinned:
        (folder / "root.json").write_bytes(b"{}")
    return Identity(
        folder, CloudRecord(tenant="acme", device="cam-01", url="https://cloud", not_before=NOW, not_after=NOW)
    )


def config(*, unsigned: bool, cloud: bool) -> AgentConfig:
    return AgentConfig(
        tenant="acme",
        device="cam-01",
        cloud=CloudConfig() if cloud else None,
        trust=TrustConfig(allow_unsigned=unsigned),
    )


@pytest.mark.parametrize(
    ("unsigned", "cloud", "pinned", "refused"),
    [
        (True, True, True, True),
        (True, True, False, False),
        (True, False, True, False),
        (False, True, True, False),
    ],
)
def test_only_the_three_together_are_refused(
    tmp_path: Path, *, unsigned: bool, cloud: bool, pinned: bool, refused: bool
) -> None:
    told = config(unsigned=unsigned, cloud=cloud)
    if not refused:
        refuse_unsigned(told, identity(tmp_path, pinned=pinned))
        return
    with pytest.raises(UnsignedRefusedError, match="allow_unsigned = false") as caught:
        refuse_unsigned(told, identity(tmp_path, pinned=pinned))
    assert caught.value.code == "trust.unsigned_refused"


def test_a_device_that_is_not_enrolled_has_pinned_nothing() -> None:
    refuse_unsigned(config(unsigned=True, cloud=True), None)
