"""What the agent makes of the variables systemd gives it; what it then says is in tests/integration."""

import pytest

from roost_edge.watchdog import Watchdog
from roost_shared.clock import SECOND
from tests.support.virtual_reactor import VirtualReactor

PID = 4711


@pytest.mark.parametrize(
    ("variables", "limit_ns"),
    [
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "4711"}, 30 * SECOND, id="ours"),
        pytest.param({"WATCHDOG_USEC": "30000000"}, 30 * SECOND, id="of no process in particular"),
        pytest.param({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None, id="another process's"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="none"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="unreadable"),
        pytest.param({"WATCHDOG_USEC": "-1"}, None, id="negative"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_a_watchdog_is_fed_only_if_it_is_ours(variables: dict[str, str], limit_ns: int | None) -> None:
    assert Watchdog.from_environment(variables, PID).limit_ns == limit_ns


def test_the_variables_are_not_left_for_workers_to_inherit() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "4711", "HOME": "/"}
    Watchdog.from_environment(environment, PID)
    assert environment == {"HOME": "/"}


def test_without_a_service_manager_nothing_happens() -> None:
    watchdog, reactor = Watchdog(limit_ns=SECOND), VirtualReactor()
    watchdog.start(reactor.as_reactor(), lambda: pytest.fail("nobody asked"))
    reactor.advance(100 * SECOND)
    watchdog.stopping()
    watchdog.close()
