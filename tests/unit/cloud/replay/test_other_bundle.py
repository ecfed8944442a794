"""Another bundle in a contestant's place."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from roost_cloud.replay.other_bundle import OtherBundle, UnclearContestantError
from roost_cloud.replay.replayer import Outcome, Replayer
from roost_cloud.replay.report import Question
from roost_cloud.replay.run import ReplayState, run_replay
from roost_cloud.replay.source import Recorded
from roost_cloud.replay.span import Span
from roost_shared.bundle import open_bundle
from roost_shared.messages import ErrorInfo
from roost_shared.records import InputInfo
from roost_shared.rendezvous import Contestant, Rule, Score, TaskPolicy
from tests.support.bundles import Bundles, build_bundles, picture
from tests.support.memory_source import NOON, MemorySource, recorded
from tests.support.recorded import World, live

POLICY = TaskPolicy(
    task="light",
    contestants=(Contestant(name="primary"), Contestant(name="backup")),
    rules=(Rule(accept="primary", min_confidence=0.9), Rule(accept="backup", after_ms=80)),
    deadline_ms=300,
)
DARK = picture(0)
SURE = "sure:0@sha256:00"
SAID = Score("primary", "dark", 0.99, bundle=SURE)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return build_bundles(tmp_path_factory.mktemp("bundles"))


def request(
    *,
    primary: Score | ErrorInfo = SAID,
    backup: str = "other:1@sha256:00",
    payload: bytes = DARK,
) -> Recorded:
    world = World({"primary": ((20.0, primary),), "backup": ((10.0, Score("backup", "bright", 0.8, bundle=backup)),)})
    lived = live(POLICY, world)
    kept = InputInfo(sha256=hashlib.sha256(payload).hexdigest(), size_bytes=len(payload))
    return recorded(msgspec.structs.replace(lived.record, input=kept), lived.late, probability=0.5)


def replay(folder: Path, one: Recorded, payload: bytes = DARK, contestant: str | None = None) -> Outcome:
    source = MemorySource([one], [POLICY], {one.sample: payload})
    return Replayer(source, bundle=OtherBundle(open_bundle(folder), contestant)).replay(one)


def test_it_says_what_it_says_when_the_other_said_it(bundles: Bundles) -> None:
    outcome = replay(bundles.contrary, request(), contestant="primary")
    assert (outcome.replayed.contestant, outcome.replayed.label) == ("primary", "bright")
    assert outcome.replayed.elapsed_ms == outcome.recorded.elapsed_ms == 20.0
    assert outcome.replayed.score is not None
    assert outcome.replayed.score.bundle == open_bundle(bundles.contrary).reference
    assert outcome.weight == 2.0


def test_one_that_is_not_sure_satisfies_no_bar(bundles: Bundles) -> None:
    outcome = replay(bundles.unrated, request(), contestant="primary")
    assert (outcome.replayed.contestant, outcome.replayed.reason) == ("backup", "fallback")


def test_an_input_that_it_cannot_read_is_an_error_at_that_moment(bundles: Bundles) -> None:
    garbage = b"no picture"
    outcome = replay(bundles.sure, request(payload=garbage), garbage)
    assert (outcome.replayed.contestant, outcome.replayed.elapsed_ms) == ("backup", 20.0)


def test_in_place_of_an_error_there_is_the_error(bundles: Bundles) -> None:
    died = ErrorInfo("worker.died", "it died")
    outcome = replay(bundles.sure, request(primary=died), contestant="primary")
    assert outcome.same_elsewhere
    assert outcome.replayed == outcome.recorded


def test_its_place_is_that_of_the_bundle_of_its_name(bundles: Bundles) -> None:
    bundle = OtherBundle(open_bundle(bundles.sure))
    source = MemorySource([], [POLICY], {"boot-1": DARK})
    Replayer(source, bundle=bundle).replay(request())
    assert bundle.contestant == "primary"
    with pytest.raises(UnclearContestantError, match="backup, primary all run a bundle sure"):
        replay(bundles.sure, request(backup=SURE))


def test_without_the_input_it_was_a_request_is_left_out(bundles: Bundles) -> None:
    there = request()
    requests = [msgspec.structs.replace(there, probability=None), request(payload=b"others"), there]
    bundle = OtherBundle(open_bundle(bundles.sure), "primary")
    state = ReplayState(Question(task="light", since="1d"), Span(NOON, NOON.replace(hour=13)))
    source = MemorySource(requests, [POLICY], {there.sample: DARK})
    report = run_replay(source, Replayer(source, bundle=bundle), state, truth={})
    assert (report.left_out, report.replayed) == ({"altered_input": 1, "no_input": 1}, 1)
    gone = MemorySource([there], [POLICY])
    state = ReplayState(state.question, state.span)
    assert run_replay(gone, Replayer(gone, bundle=bundle), state, truth={}).left_out == {"no_input": 1}
    stranger = OtherBundle(open_bundle(bundles.sure), "stranger")
    state = ReplayState(state.question, state.span)
    assert run_replay(source, Replayer(source, bundle=stranger), state, truth={}).left_out == {
        "no_contestant": 2,
        "no_input": 1,
    }
