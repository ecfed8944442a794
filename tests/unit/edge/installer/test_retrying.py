"""What is tried again, how soon, and what never."""

import pytest

from roost_edge.installer.errors import (
    LyingServerError,
    MisnamedBundleError,
    NoDiskError,
    NoMemoryError,
    NoRootError,
    NoRuntimeHereError,
    PinMismatchError,
    SlowDownloadError,
    StoreUnwritableError,
    UrlExpiredError,
)
from roost_edge.installer.job import Patience
from roost_edge.installer.retrying import LIES, MISFITS, wait_ns
from roost_edge.uplink.errors import CloudFailedError, CloudRefusedError, CloudUnreachableError
from roost_shared.clock import SECOND
from roost_shared.cloud_url import CloudUrlError
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo
from roost_shared.trust import (
    ManifestUnsignedError,
    NoAssignmentKeyError,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
)

HEALING: list[RoostError] = [
    CloudUrlError("ftp://cloud"),
    CloudUnreachableError("cut"),
    CloudFailedError(503, "", "later"),
    SlowDownloadError("trickle"),
    UrlExpiredError("expired"),
    StoreUnwritableError("full"),
    NoRootError("not enrolled"),
    NoAssignmentKeyError(),
    TrustStaleError("yesterday's"),
    TrustUnreachableError("cut"),
]
FINAL: list[RoostError] = [
    CloudRefusedError(404, "not_found", "no such blob"),
    ManifestUnsignedError("meter/meter:7"),
    MisnamedBundleError("another"),
    PinMismatchError("another"),
]
MISFITTING: list[RoostError] = [NoDiskError("full"), NoMemoryError("full"), NoRuntimeHereError("none")]


def by_code(error: RoostError) -> str:
    return error.code


@pytest.mark.parametrize("error", HEALING, ids=by_code)
def test_what_time_may_heal_is_tried_again(error: RoostError) -> None:
    assert wait_ns(error, 5, believed=True) == 5


@pytest.mark.parametrize("error", MISFITTING, ids=by_code)
def test_what_does_not_fit_is_looked_at_again_now_and_then_and_not_for_ever(error: RoostError) -> None:
    waits = [wait_ns(error, 5, believed=True, misfits=count, misfit_ns=70) for count in range(1, MISFITS + 2)]
    assert waits == [70] * (MISFITS - 1) + [None, None]


def test_what_does_not_fit_is_looked_at_by_no_two_devices_at_once_and_no_sooner_for_a_link() -> None:
    pauses = []
    for drawn in (0.0, 1.0):
        patience = Patience()
        assert patience.pause(NoDiskError("full"), 0, drawn, believed=True, misfits=1, misfit_ns=3600 * SECOND)
        patience.hurry(1)
        pauses.append(patience.due_ns)
    assert pauses == [1800 * SECOND, 3600 * SECOND]


@pytest.mark.parametrize("error", FINAL, ids=by_code)
def test_what_it_will_not_is_tried_no_more(error: RoostError) -> None:
    assert wait_ns(error, 5, believed=True) is None


def test_a_server_may_be_wrong_a_few_times() -> None:
    error = LyingServerError("other bytes")
    waits = [wait_ns(error, 5, lies=lies, believed=True) for lies in range(1, LIES + 2)]
    assert waits == [5] * (LIES - 1) + [None, None]


def test_metadata_that_is_refused_may_be_better_next_time_and_an_assignment_may_not() -> None:
    error = TrustRefusedError("signature", "too few")
    assert wait_ns(error, 5, believed=True) == 5
    assert wait_ns(error, 5, believed=False) is None


def test_the_cloud_may_ask_for_longer() -> None:
    assert wait_ns(CloudFailedError(503, "", "later", 7.0), 5, believed=True) == 7 * SECOND


def test_a_link_that_is_back_hurries_what_had_no_answer_and_not_what_was_refused() -> None:
    for error, hurried in ((CloudUnreachableError("cut"), True), (CloudFailedError(503, "", "later"), False)):
        patience = Patience()
        assert patience.pause(error, 100, 1.0, believed=True)
        assert patience.due_ns > 100
        patience.hurry(50)
        assert (patience.due_ns == 50) == hurried


def test_pauses_grow_and_are_drawn() -> None:
    patience = Patience()
    pauses = []
    for _ in range(12):
        patience.pause(CloudUnreachableError("cut"), 0, 1.0, believed=True)
        pauses.append(patience.due_ns)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300 * SECOND
    patience.pause(CloudUnreachableError("cut"), 0, 0.5, believed=True)
    assert patience.due_ns == 150 * SECOND


def test_the_same_trouble_is_told_once() -> None:
    patience = Patience()
    assert patience.is_news(ErrorInfo("cloud.unreachable", "cut"))
    assert not patience.is_news(ErrorInfo("cloud.unreachable", "cut at another byte"))
    assert patience.is_news(ErrorInfo("trust.stale", "yesterday's"))
