import pytest
from prometheus_client import CollectorRegistry

from roost_cloud.db import DatabaseUnavailableError
from roost_cloud.errors import ConflictError
from roost_cloud.guard import Guard, Pieces, RoleFaultError, typed

FAULT = "role.fault: a fault of the cloud's own, KeyError; its log says more"


class Work:
    """Raises what it is told to, until it is told to raise nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __call__(self) -> str:
        if self.error is not None:
            raise self.error
        return "worked"


def rounds(metrics: CollectorRegistry, loop: str, outcome: str) -> float:
    return metrics.get_sample_value("roost_cook_rounds_total", {"loop": loop, "outcome": outcome}) or 0.0


@pytest.fixture
def metrics() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def guard(metrics: CollectorRegistry) -> Guard:
    return Guard("cook", metrics, draw=lambda: 1.0)


def test_what_a_round_does_comes_back_and_is_counted(guard: Guard, metrics: CollectorRegistry) -> None:
    assert guard.run("stir", Work(), otherwise="nothing") == "worked"
    assert guard.problem is None
    assert guard.rest_s("stir", 0.5) == 0.5
    assert rounds(metrics, "stir", "done") == 1


@pytest.mark.parametrize("error", [KeyError("k"), ZeroDivisionError(), AssertionError(), RecursionError(), OSError(5)])
def test_what_nobody_meant_is_typed_told_with_its_traceback_and_counted(
    error: Exception, guard: Guard, metrics: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    assert guard.run("stir", Work(error), otherwise="nothing") == "nothing"
    name = type(error).__name__
    assert guard.problem == f"stir: {FAULT}".replace("KeyError", name)
    assert rounds(metrics, "stir", "role.fault") == 1
    assert "Traceback" in caplog.text
    assert name in caplog.text


def test_an_error_that_was_meant_is_told_without_a_traceback(
    guard: Guard, metrics: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    guard.run("stir", Work(DatabaseUnavailableError("it is away")), otherwise="nothing")
    assert guard.problem == "stir: database.unavailable: it is away"
    assert guard.rest_s("stir", 0.5) == 0.5
    assert rounds(metrics, "stir", "database.unavailable") == 1
    assert "Traceback" not in caplog.text


def test_faults_in_a_row_make_rests_longer_up_to_a_limit_and_a_success_ends_them(guard: Guard) -> None:
    work, rests_s = Work(KeyError("k")), []
    for _ in range(9):
        guard.run("stir", work, otherwise="")
        rests_s.append(guard.rest_s("stir", 0.5))
    assert rests_s == [2, 4, 8, 16, 32, 64, 120, 120, 120]
    assert guard.rest_s("stir", 300) == 300
    work.error = None
    guard.run("stir", work, otherwise="")
    assert guard.problem is None
    assert guard.rest_s("stir", 0.5) == 0.5
    work.error = KeyError("k")
    guard.run("stir", work, otherwise="")
    assert guard.rest_s("stir", 0.5) == 2


def test_one_loop_s_faults_are_not_another_s(guard: Guard) -> None:
    guard.run("stir", Work(KeyError("k")), otherwise="")
    guard.run("taste", Work(), otherwise="")
    assert guard.problem == f"stir: {FAULT}"
    assert guard.rest_s("taste", 0.5) == 0.5


def test_a_failure_that_lasts_is_said_once_and_its_end_too(guard: Guard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    work = Work(DatabaseUnavailableError("it is away"))
    for _ in range(5):
        guard.run("stir", work, otherwise="")
    work.error = None
    guard.run("stir", work, otherwise="")
    guard.run("stir", work, otherwise="")
    assert caplog.text.count("round.failed") == 1
    assert caplog.text.count("round.works_again") == 1


def test_an_interrupt_is_nobody_s_fault(guard: Guard) -> None:
    def stop() -> str:
        raise SystemExit

    with pytest.raises(SystemExit):
        guard.run("stir", stop, otherwise="")


def test_an_error_of_ours_stays_itself() -> None:
    error = DatabaseUnavailableError("it is away")
    assert typed(error) is error
    assert isinstance(typed(KeyError("k")), RoleFaultError)


def go_round(pieces: Pieces, works: dict[str, Work]) -> list[str]:
    """The tenants that had their turn."""
    done = []
    pieces.begin()
    for tenant, work in works.items():
        with pieces.piece(tenant=tenant):
            done.append(tenant)
            work()
    pieces.end()
    return done


def test_pieces_of_a_round_do_not_fall_together(caplog: pytest.LogCaptureFixture) -> None:
    works = {"acme": Work(), "globex": Work(ConflictError("no")), "zeta": Work(KeyError("k")), "last": Work()}
    pieces = Pieces()
    for _ in range(3):
        with pytest.raises(ConflictError):
            go_round(pieces, works)
    assert caplog.text.count("round.piece_failed") == 1, "it says the same"
    works["globex"].error = None
    with pytest.raises(RoleFaultError):
        go_round(pieces, works)
    works["zeta"].error = None
    assert go_round(pieces, works) == list(works)


def test_a_database_that_is_away_ends_the_round() -> None:
    works = {"acme": Work(ConflictError("no")), "globex": Work(DatabaseUnavailableError("it is away")), "zeta": Work()}
    pieces = Pieces()
    with pytest.raises(DatabaseUnavailableError):
        go_round(pieces, works)
    works["globex"].error = works["acme"].error = None
    assert go_round(pieces, works) == list(works), "what a round before had found is not told now"
