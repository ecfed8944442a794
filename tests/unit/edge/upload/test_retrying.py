import pytest

from roost_edge.uplink.http import (
    CloudAnswerError,
    CloudClockError,
    CloudFailedError,
    CloudRefusedError,
    CloudUnreachableError,
)
from roost_edge.upload.retrying import Step, cure_of, retry_wait_ns
from roost_shared.clock import SECOND
from roost_shared.errors import TransportError

BACKOFF_NS = 7 * SECOND


@pytest.mark.parametrize(
    "error",
    [
        CloudUnreachableError("cut"),
        CloudClockError("not yet valid"),
        CloudAnswerError("a captive portal's page"),
        *(CloudRefusedError(status, "", "") for status in (401, 408, 409, 429)),
        *(CloudFailedError(status, "", "") for status in (500, 502, 503, 504, 507, 599)),
        CloudRefusedError(400, "RequestTimeout", "S3's word for 408"),
    ],
)
def test_what_may_pass_is_waited_for(error: TransportError) -> None:
    assert retry_wait_ns(error, BACKOFF_NS) == BACKOFF_NS


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 410, 411, 413, 414, 418, 422, 451])
def test_any_other_refusal_stops(status: int) -> None:
    assert retry_wait_ns(CloudRefusedError(status, "", "", retry_after_s=1), BACKOFF_NS) is None


@pytest.mark.parametrize(("asked_s", "wait_s"), [(None, 7), (0, 7), (3, 7), (20, 20), (3600, 3600), (86400, 3600)])
def test_cloud_says_when_to_come_back_and_never_sooner_than_we_would(asked_s: float | None, wait_s: int) -> None:
    assert retry_wait_ns(CloudFailedError(503, "", "", asked_s), BACKOFF_NS) == wait_s * SECOND


@pytest.mark.parametrize(
    ("step", "status", "reason", "cure"),
    [
        ("part", 403, "AccessDenied", "ask_again"),
        ("part", 403, "objects.url_expired", "ask_again"),
        ("part", 400, "ExpiredToken", "ask_again"),
        ("part", 404, "NoSuchUpload", "ask_again"),
        ("ask", 404, "not_found", "open_again"),
        ("commit", 404, "not_found", "open_again"),
        ("commit", 422, "objects.parts_missing", "ask_again"),
        ("commit", 422, "shard.wrong_bytes", "open_again"),
        ("commit", 422, "request.invalid", None),
        ("open", 422, "shard.mismatch", None),
        ("open", 404, "http.not_found", None),
        ("open", 403, "auth.forbidden", None),
        ("commit", 403, "auth.forbidden", None),
        ("part", 422, "objects.size_mismatch", None),
        ("open", 413, "request.too_large", None),
    ],
)
def test_what_can_be_cured_is(step: Step, status: int, reason: str, cure: str | None) -> None:
    assert cure_of(CloudRefusedError(status, reason, ""), step) == cure


def test_what_is_no_refusal_needs_no_cure() -> None:
    assert cure_of(CloudUnreachableError("cut"), "part") is None
