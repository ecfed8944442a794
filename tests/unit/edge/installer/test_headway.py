"""How far it is, as it is told."""

from roost_edge.installer.headway import Headway
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin
from roost_shared.messages import ErrorInfo

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def headway() -> Headway:
    pins = {name: BundlePin(name="meter", version="7", digest=digest) for name, digest in (("one", A), ("two", B))}
    contestants = tuple(AssignedContestant(name=name, bundle=pin) for name, pin in pins.items())
    cloud = AssignedContestant(name="cloud", where="cloud")
    task = AssignedTask(contestants=(*contestants, cloud))
    return Headway(Assignment(tenant="acme", device="cam-01", version=1, issued_at="", tasks={"meter": task}))


def test_bytes_count_for_the_bundle_that_is_fetched() -> None:
    tally = headway()
    tally.expect({A: {"x": 100, "y": 50}, B: {"z": 10}}, {"x": 30, "z": 99})
    tally.fetching(A)
    tally.moved(70)
    tally.moved(20)
    tally.moved(-20)
    one, two = tally.installs()
    assert (one.phase, one.fetched_bytes, one.size_bytes) == ("downloading", 100, 150)
    assert (two.phase, two.fetched_bytes, two.size_bytes) == ("assigned", 10, 10)


def test_no_more_comes_back_than_had_come() -> None:
    tally = headway()
    tally.expect({A: {"x": 100}, B: {}}, {})
    tally.fetching(A)
    tally.moved(-5)
    assert tally.installs()[0].fetched_bytes == 0


def test_an_end_is_told_of_all() -> None:
    why = ErrorInfo("fit.memory", "too large")
    installs = headway().installs("refused", why)
    assert {(one.contestant, one.phase, one.error) for one in installs} == {
        ("one", "refused", why),
        ("two", "refused", why),
    }
