"""Enrolment and renewal ended at every step, by SIGKILL and by a full disk: an old identity or a new, never a part."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from roost_edge.identity import read_identity
from roost_edge.identity.renew import renew
from tests.support.device_cloud import DeviceCloud
from tests.support.identity_checks import left_over, read, sign_in, whole
from tests.support.identity_work import enrol
from tests.support.step_killer import end_at_each_step

MOST_STEPS = 50
LEAST_STEPS = 6  # fewer would mean that steps go by uncounted


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[DeviceCloud]:
    with DeviceCloud(tmp_path, tls=False) as cloud:
        yield cloud


@pytest.mark.parametrize("how", ["kill", "full"])
def test_enrolment_ended_at_any_step_is_whole_or_nothing_and_the_token_still_works(
    cloud: DeviceCloud, tmp_path: Path, how: str
) -> None:
    tokens = [json.dumps([cloud.url, cloud.token(f"cam-{number}").text()]) for number in range(MOST_STEPS)]
    ends = end_at_each_step(how, "tests.support.identity_work:enrol", tmp_path / "ends", tokens)
    assert LEAST_STEPS < len(ends) < MOST_STEPS
    assert {end["code"] for end in ends[:-1]} <= {"killed", "identity.unwritable", None}
    assert ends[0]["code"] == ("killed" if how == "kill" else "identity.unwritable")
    assert ends[-1]["code"] is None
    for end in ends:
        state_dir = tmp_path / "ends" / str(end["number"])
        if read_identity(state_dir) is not None:
            assert sign_in(whole(state_dir)) == "device"
        enrol(state_dir, tokens[end["number"] - 1])
        assert sign_in(whole(state_dir)) == "device"
        assert left_over(state_dir) == {"pending"}


@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_renewal_ended_at_any_step_leaves_an_identity_that_the_cloud_takes(
    cloud: DeviceCloud, tmp_path: Path, how: str
) -> None:
    cloud.clock.by = -timedelta(days=70)
    for number in range(1, MOST_STEPS + 1):
        enrol(tmp_path / "ends" / str(number), json.dumps([cloud.url, cloud.token(f"cam-{number}").text()]))
    old = {number: read(tmp_path / "ends" / str(number)) for number in range(1, MOST_STEPS + 1)}
    cloud.clock.by = timedelta()
    ends = end_at_each_step(how, "tests.support.identity_work:renew_there", tmp_path / "ends", ["-"] * MOST_STEPS)
    assert LEAST_STEPS < len(ends) < MOST_STEPS
    assert {end["code"] for end in ends[:-1]} <= {"killed", "identity.unwritable", None}
    assert ends[-1]["code"] is None
    for end in ends:
        state_dir = tmp_path / "ends" / str(end["number"])
        whole(state_dir)
        report = renew(state_dir)
        assert report.error is None
        assert sign_in(whole(state_dir)) == "device"
        assert read(state_dir).cloud.not_after > old[end["number"]].cloud.not_after
        assert not left_over(state_dir)
