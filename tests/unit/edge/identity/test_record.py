"""An identity is read whole, or refused with a word on what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from roost_edge.identity import IdentityUnreadableError, is_enrolled, read_identity
from tests.support.unreadable import NO_JSON

CLOUD = {
    "schema_version": 1,
    "tenant": "acme",
    "device": "cam-01",
    "url": "https://roost.example",
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2026-04-01T00:00:00Z",
    "broker": None,
}


def write(state_dir: Path, **changes: Any) -> Path:
    folder = state_dir / "identity.d" / "1"
    folder.mkdir(parents=True)
    (folder / "cloud.json").write_text(json.dumps(CLOUD | changes))
    for name in ("device.key", "device.crt", "ca.crt"):
        (folder / name).write_text("x")
    (state_dir / "identity").symlink_to(Path("identity.d") / "1")
    return folder


def test_a_device_without_one_is_not_enrolled(tmp_path: Path) -> None:
    assert read_identity(tmp_path) is None
    assert read_identity(tmp_path / "none") is None
    assert not is_enrolled(tmp_path)


def test_the_files_are_those_of_one_generation_even_when_the_link_moves_on(tmp_path: Path) -> None:
    folder = write(tmp_path)
    identity = read_identity(tmp_path)
    assert identity is not None
    assert identity.keyfile == folder / "device.key"
    assert (identity.cloud.tenant, identity.cloud.broker) == ("acme", None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"schema_version": 2}, "is of version 2", id="version"),
        pytest.param({"tenant": "A b"}, "names no device", id="name"),
        pytest.param({"not_before": "2027-01-01T00:00:00Z"}, "names no device", id="dates"),
        pytest.param({"not_after": "soon"}, "Invalid RFC3339", id="no-date"),
        pytest.param({"broker": {}}, "missing required field `url`", id="broker"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    write(tmp_path, **changes)
    with pytest.raises(IdentityUnreadableError, match=says):
        read_identity(tmp_path)
    assert is_enrolled(tmp_path)


@pytest.mark.parametrize("wrong", NO_JSON)
def test_a_damaged_record_is_said(tmp_path: Path, wrong: str) -> None:
    (write(tmp_path) / "cloud.json").write_bytes(NO_JSON[wrong])
    with pytest.raises(IdentityUnreadableError, match="enrol again"):
        read_identity(tmp_path)


@pytest.mark.parametrize("name", ["cloud.json", "device.key", "device.crt", "ca.crt"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (write(tmp_path) / name).unlink()
    with pytest.raises(IdentityUnreadableError, match=name):
        read_identity(tmp_path)


def test_a_link_that_leads_nowhere_is_no_fresh_device(tmp_path: Path) -> None:
    (tmp_path / "identity").symlink_to("identity.d/7")
    with pytest.raises(IdentityUnreadableError):
        read_identity(tmp_path)
