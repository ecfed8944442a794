"""How far the newest assignment is, whoever knows it."""

from roost_edge.changeover.progress import Progress
from roost_edge.installer.plan import Plan
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin, Install
from roost_shared.messages import ErrorInfo

BAD = ErrorInfo("install.slow", "too slow")


def plan(version: int) -> Plan:
    pin = BundlePin(name="meter", version=str(version), digest=f"sha256:{version:064x}")
    task = AssignedTask(
        contestants=(AssignedContestant(name="a", bundle=pin), AssignedContestant(name="c", where="cloud"))
    )
    assignment = Assignment(tenant="acme", device="cam-01", version=version, issued_at="", tasks={"meter": task})
    return Plan(assignment=assignment, folders={})


def reference(version: int) -> str:
    return f"meter:{version}@sha256:{version:064x}"


def test_what_was_fetched_is_still_known_once_the_workers_show_more() -> None:
    progress = Progress()
    fetched = Install(
        task="meter", contestant="a", bundle=reference(2), phase="verified", fetched_bytes=7, size_bytes=7
    )
    progress.told(2, [fetched])
    progress.seen(plan(2), "shadowing", {("meter", "a"): {"scored": 3}})
    (install,) = progress.installs
    assert (install.phase, install.fetched_bytes, install.evidence) == ("shadowing", 7, {"scored": 3})
    progress.seen(plan(2), "rolled_back", {}, BAD)
    (install,) = progress.installs
    assert (install.phase, install.error, install.evidence) == ("rolled_back", BAD, {"scored": 3})
    assert progress.problem == BAD


def test_an_older_version_says_nothing_any_more() -> None:
    progress = Progress()
    progress.told(3, [])
    progress.seen(plan(2), "failed", {}, BAD)
    progress.told(2, [], BAD)
    assert (progress.version, progress.installs, progress.problem) == (3, [], None)


def test_a_newer_version_is_not_blamed_for_the_older_one() -> None:
    progress = Progress()
    progress.seen(plan(2), "failed", {}, BAD)
    progress.told(3, [])
    assert (progress.installs, progress.problem) == ([], None)


def test_what_nobody_can_believe_is_a_problem_until_something_else_is_known() -> None:
    progress = Progress()
    progress.seen(plan(2), "confirmed", {})
    progress.told(0, [], BAD)
    assert (progress.version, progress.problem, [one.phase for one in progress.installs]) == (2, BAD, ["confirmed"])
    progress.told(3, [])
    assert progress.problem is None


def test_it_is_none_any_more_once_what_is_in_force_is_said_again() -> None:
    progress = Progress()
    progress.seen(plan(2), "confirmed", {})
    progress.told(0, [], BAD)
    progress.believed()
    assert progress.problem is None


def test_doubts_of_what_came_later_do_not_hide_why_a_version_was_refused() -> None:
    progress = Progress()
    progress.seen(plan(2), "rolled_back", {}, BAD)
    doubt = ErrorInfo("trust.refused", "signature")
    progress.told(0, [], doubt)
    assert progress.problem == doubt
    progress.told(0, [])  # it could not be judged just now, and will be
    assert progress.problem == BAD
