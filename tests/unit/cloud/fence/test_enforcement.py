"""What is done about a document of revocations, and the access list that comes of it."""

import doctest
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost_cloud.fence import acl as acl_module
from roost_cloud.fence.acl import with_revoked
from roost_cloud.fence.enforcement import RENEW_AFTER, ClockError, Enforced, next_step
from roost_cloud.fleet.authority import Authority
from roost_cloud.fleet.revocations import RevocationsDocument, RevokedCertificate, revocations_document
from roost_cloud.fleet.x509.revocation_list import CRL_LIFETIME
from tests.support.fleet_certificates import FixedClock
from tests.support.mosquitto import CONFIGURATIONS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Maker:
    """Makes documents as one deployment does."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder, FixedClock(NOW))

    def __call__(self, now: datetime, **serials: str) -> RevocationsDocument:
        """By device (cam_01) the serial of its withdrawn certificate."""
        certificates = [RevokedCertificate(name.replace("_", "-"), serial, NOW) for name, serial in serials.items()]
        return revocations_document(self._authority, {"acme": certificates}, [], now)


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_at_the_beginning_everything_is_done(make: Maker) -> None:
    step = next_step(make(NOW, cam_01="1a", cam_02="2b"), None, NOW)
    assert step.write
    assert step.expel == ("acme/d/cam-01", "acme/d/cam-02")
    assert step.enforced.expelled == {"1a", "2b"}
    assert step.enforced.ends_at == NOW + CRL_LIFETIME


def test_the_same_again_changes_nothing_until_the_lists_are_a_day_old(make: Maker) -> None:
    first = next_step(make(NOW), None, NOW).enforced
    again = next_step(make(NOW + HOUR), first, NOW + HOUR)
    assert (again.write, again.expel, again.enforced) == (False, (), first)
    tomorrow = NOW + RENEW_AFTER
    renewed = next_step(make(tomorrow), first, tomorrow)
    assert renewed.write
    assert renewed.enforced.ends_at == tomorrow + CRL_LIFETIME


def test_a_cloud_that_goes_away_leaves_six_days(make: Maker) -> None:
    """From the last renewal that did not come about."""
    enforced = next_step(make(NOW), None, NOW).enforced
    last_look = NOW + RENEW_AFTER - SECOND
    assert next_step(make(last_look), enforced, last_look).enforced.ends_at - last_look >= timedelta(days=6)


def test_each_withdrawn_certificate_costs_its_device_one_connection(make: Maker) -> None:
    """A device may have several, one after the other."""
    first = next_step(make(NOW, cam_01="1a"), None, NOW).enforced
    later = NOW + SECOND
    second = RevokedCertificate("cam-01", "2b", NOW)
    document = revocations_document(
        make._authority, {"acme": [RevokedCertificate("cam-01", "1a", NOW), second]}, [], later
    )
    step = next_step(document, first, later)
    assert (step.write, step.expel) == (True, ("acme/d/cam-01",))
    assert next_step(document, step.enforced, later).expel == ()


def test_a_revoked_device_is_expelled_though_its_certificate_ran_out_and_is_in_no_list(tmp_path: Path) -> None:
    authority = Authority(tmp_path, FixedClock(NOW))
    first = next_step(revocations_document(authority, {"acme": []}, [], NOW), None, NOW).enforced
    later = NOW + SECOND
    step = next_step(revocations_document(authority, {"acme": []}, [("acme", "cam-01")], later), first, later)
    assert step.expel == ("acme/d/cam-01",)


def test_what_ran_out_is_forgotten(make: Maker) -> None:
    enforced = next_step(make(NOW, cam_01="1a"), None, NOW).enforced
    assert next_step(make(NOW + SECOND), enforced, NOW + SECOND).enforced.expelled == frozenset()


@pytest.mark.parametrize("here", [NOW - 2 * HOUR, NOW + CRL_LIFETIME], ids=["not yet valid", "ran out"])
def test_lists_by_which_the_broker_would_refuse_everybody_are_not_installed(make: Maker, here: datetime) -> None:
    with pytest.raises(ClockError):
        next_step(make(NOW), None, here)


@pytest.mark.parametrize("age", [timedelta(0), HOUR], ids=["as old", "older"])
def test_an_old_word_does_not_undo_a_newer_one(make: Maker, age: timedelta) -> None:
    """Such as a copy of yesterday's answer, or a second server whose clock is slow."""
    enforced = next_step(make(NOW, cam_01="1a"), None, NOW).enforced
    with pytest.raises(ClockError):
        next_step(make(NOW - age), enforced, NOW)


def test_an_old_word_that_says_the_same_is_no_trouble(make: Maker) -> None:
    enforced = next_step(make(NOW), None, NOW).enforced
    assert not next_step(make(NOW - HOUR), enforced, NOW).write
    assert isinstance(enforced, Enforced)


def test_our_part_of_the_access_list_is_written_anew_and_the_rest_kept() -> None:
    template = (CONFIGURATIONS / "devices.acl").read_text()
    fenced = with_revoked(template, ["acme/d/cam-01", "other/d/cam-01"])
    assert fenced.startswith(template)
    assert fenced.count("topic deny #") == 2
    assert with_revoked(fenced, []).startswith(template)
    assert "deny" not in with_revoked(fenced, [])
    edited = fenced.replace("pattern read roost/1/%u/score\n", "")
    assert "score" not in with_revoked(edited, ["acme/d/cam-01"])


def test_the_example_in_the_documentation_is_true() -> None:
    assert doctest.testmod(acl_module).failed == 0
