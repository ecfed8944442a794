from collections.abc import Callable

import pytest

from roost_cloud.client import ApiAnswerError, ApiUnreachableError, RemoteError
from roost_cloud.transfer.patience import Patience, retry_wait_s
from roost_shared.errors import TransportError


def failing(*errors: TransportError) -> Callable[[], str]:
    left = list(errors)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return action


def test_what_may_work_next_time_is_tried_again() -> None:
    waits: list[float] = []
    patience = Patience(first_s=1, limit_s=4, sleep=waits.append)
    busy = RemoteError(503, "database.unavailable", "restarting", retry_after_s=7)
    assert patience(failing(ApiUnreachableError("cut"), busy, ApiUnreachableError("cut"))) == "done"
    assert len(waits) == 3
    assert waits[0] <= 1
    assert waits[1] == 7  # what the other side asks for, though we would have come earlier
    assert waits[2] <= 4


@pytest.mark.parametrize(
    "error",
    [RemoteError(507, "objects.full", "full"), RemoteError(404, "not_found", "gone"), ApiAnswerError("what?")],
    ids=str,
)
def test_what_cannot_work_is_not(error: TransportError) -> None:
    waits: list[float] = []
    with pytest.raises(type(error)):
        Patience(sleep=waits.append)(failing(error))
    assert waits == []


def test_patience_ends() -> None:
    waits: list[float] = []
    patience = Patience(attempts=3, sleep=waits.append)
    with pytest.raises(ApiUnreachableError, match="third"):
        patience(failing(*(ApiUnreachableError(name) for name in ("first", "second", "third"))))
    assert len(waits) == 2


def test_nobody_makes_us_wait_for_hours() -> None:
    assert retry_wait_s(RemoteError(503, "", "", retry_after_s=86_400), 0.1) == 60
