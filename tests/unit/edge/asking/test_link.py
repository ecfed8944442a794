"""The link to cloud contestants: who is asked when, what is made of what comes back. Virtual time, no socket."""

from pathlib import Path

import pytest

from roost_edge.mqtt import Outcome, Unsent
from roost_shared.clock import MS
from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, Question
from roost_shared.rendezvous import Link
from tests.support.link_rig import LinkRig


@pytest.fixture
def rig() -> LinkRig:
    """Connected, known to be good, and nothing asked yet."""
    rig = LinkRig()
    rig.become_good()
    return rig


def codes(rig: LinkRig) -> list[tuple[str, str | None]]:
    return [(heard.contestant, heard.code) for heard in rig.heard]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ---- before anything is known


def test_before_a_probe_has_come_back_nobody_is_asked() -> None:
    rig = LinkRig()
    assert rig.ask("a") == ErrorInfo("link.down", "the link to the cloud is down")
    rig.link.connected()
    assert rig.ask("a") is not None
    assert (rig.links, rig.sent) == ([], [])
    rig.reactor.advance(0)
    (probe,) = rig.probes
    assert (probe.contestants, probe.payload) == ([], b"")
    rig.after(30)
    rig.receive(CloudScore(id=probe.id))
    (link,) = rig.links
    assert link.up
    assert 30 * MS <= link.round_trip_ns <= 33 * MS
    assert rig.ask("a") is None


def test_a_device_with_nobody_to_ask_sends_no_probe() -> None:
    rig = LinkRig()
    rig.link._tasks.clear()
    rig.link.connected()
    rig.after(60_000)
    assert not rig.sent
    assert rig.link.describe() is None


def test_probes_that_do_not_come_back_go_out_ever_more_rarely() -> None:
    rig = LinkRig()
    rig.link.connected()
    rig.after(60_000)
    first_minute = len(rig.probes)
    assert 4 <= first_minute <= 9
    rig.after(600_000)
    assert 20 <= len(rig.probes) - first_minute <= 41  # 15 to 30 s apart
    assert not rig.links


def test_a_task_s_first_questions_are_waited_for_until_time_is_up(rig: LinkRig) -> None:
    rig.ask("a", time_up_ms=300)
    rig.after(299)
    assert len(rig.questions) == 1
    rig.score(rig.questions[0])
    assert [heard.label for heard in rig.heard] == ["7"]


# ---- asking


def test_one_question_is_for_all_and_says_what_time_the_scorer_has(rig: LinkRig) -> None:
    rig.ask("a", "huge", "big", time_up_ms=300)
    (question,) = rig.questions
    assert (question.contestants, question.payload) == (["big", "huge"], b"image")
    assert 277 <= question.remaining_ms <= 281  # 20 ms of the way are not the scorer's
    rig.score(question, "huge", "3")
    rig.after(5)
    rig.score(question, "big", "7")
    assert [(heard.contestant, heard.label) for heard in rig.heard] == [("huge", "3"), ("big", "7")]


def test_a_question_unanswered_for_longer_than_the_others_is_asked_once_more_and_then_given_up(rig: LinkRig) -> None:
    rig.learn(round_trip_ms=20)
    rig.ask("a", "big", "huge")
    first = rig.questions[-1]
    rig.score(first, "huge")
    rig.after(25)
    again = rig.questions[-1]
    assert (again.id, again.contestants) == (first.id, ["big"])
    assert again.remaining_ms < first.remaining_ms
    rig.after(25)
    assert codes(rig) == [("huge", None), ("big", "link.lost")]
    rig.after(1000)
    assert len(rig.heard) == 2
    record = rig.link.records("meter")["big"]
    assert (record.asked, record.answered, record.asked_again, record.lost) == (6, 5, 1, 1)


def test_there_is_no_second_question_without_the_time_for_it(rig: LinkRig) -> None:
    rig.learn(round_trip_ms=20)
    sent = len(rig.questions)
    rig.ask("a", time_up_ms=40)
    rig.after(39)
    assert len(rig.questions) == sent + 1
    assert codes(rig) == [("big", "link.lost")]


def test_nobody_is_asked_again_about_an_answered_request(rig: LinkRig) -> None:
    rig.learn()
    rig.ask("a")
    sent = len(rig.questions)
    rig.answered("a")
    rig.after(300)
    assert (len(rig.questions), rig.heard) == (sent, [])
    assert rig.link.records("meter")["big"].lost == 1


def test_what_cannot_be_sent_is_refused_by_name(rig: LinkRig) -> None:
    refusals = {Outcome.FULL: "link.full", Outcome.TOO_LARGE: "link.too_large", Outcome.NOT_CONNECTED: "link.down"}
    for outcome, code in refusals.items():
        rig.outcome = outcome
        refusal = rig.ask("a")
        assert refusal is not None
        assert refusal.code == code
        rig.answered("a", ("big", code))
    assert rig.link.records("meter")["big"].declined == dict.fromkeys(refusals.values(), 1)


def test_at_most_four_questions_wait_to_leave(rig: LinkRig) -> None:
    for number in range(4):
        assert rig.ask(f"r{number}") is None
    rig.waiting = Unsent(10**6, 10**6)
    refusal = rig.ask("a")
    assert refusal is not None
    assert refusal.code == "link.full"
    rig.waiting = Unsent(50, 10**5)  # the last of them
    assert rig.ask("b") is None


def test_inputs_are_released_however_a_question_ends(rig: LinkRig) -> None:
    rig.learn()
    before = descriptors()
    rig.ask("answered")
    rig.score(rig.questions[-1])
    rig.ask("lost")
    rig.after(300)
    rig.outcome = Outcome.FULL
    rig.ask("refused")
    rig.outcome = Outcome.HANDED
    rig.ask("cut")
    rig.link.disconnected()
    assert descriptors() == before


# ---- links that fail


def test_most_of_the_last_questions_lost_fails_those_that_wait_and_only_probes_go_out(rig: LinkRig) -> None:
    rig.learn()
    for number in range(4):
        rig.ask(f"r{number}", time_up_ms=60)
    rig.after(3)
    rig.ask("waits", time_up_ms=3000)
    rig.after(97)
    assert rig.link.state == "bad"
    assert rig.links[-1] == Link()
    assert next(heard for heard in rig.heard if heard.key == "waits").code == "link.lost"
    assert rig.ask("next") is not None
    asked, probed = len(rig.questions), len(rig.probes)
    rig.after(5_000)
    assert len(rig.questions) == asked
    assert len(rig.probes) > probed


def test_two_probes_in_a_row_make_a_bad_link_good(rig: LinkRig) -> None:
    rig.learn()
    for number in range(5):
        rig.ask(f"r{number}", time_up_ms=60)
    rig.after(100)
    seen: set[str] = {probe.id for probe in rig.probes}
    for state in ("bad", "good"):
        while not {probe.id for probe in rig.probes} - seen:
            rig.after(10)
        assert rig.link.state == "bad"
        rig.receive(CloudScore(id=rig.probes[-1].id))
        seen = {probe.id for probe in rig.probes}
        assert rig.link.state == state
    assert rig.links[-1].up


def test_a_connection_that_ends_fails_what_waits_at_once_and_the_next_starts_over(rig: LinkRig) -> None:
    rig.ask("a")
    rig.link.disconnected()
    assert codes(rig) == [("big", "link.lost")]
    assert rig.links[-1] == Link()
    assert rig.ask("b") is not None
    probes = len(rig.probes)
    rig.link.connected()
    rig.after(0)
    assert (rig.link.state, len(rig.probes)) == ("unknown", probes + 1)


def test_a_quiet_link_is_probed_and_found_bad_before_anybody_waits(rig: LinkRig) -> None:
    rig.after(40_000)
    assert rig.link.state == "bad"
    assert not rig.heard


def test_a_link_once_too_slow_is_not_taken_for_slow_for_ever(rig: LinkRig) -> None:
    rig.learn(round_trip_ms=250)
    assert rig.links[-1].round_trip_ns >= 250 * MS
    answered: set[str] = set()
    for _ in range(400):
        rig.after(1000)
        for probe in rig.probes:
            if probe.id not in answered:
                answered.add(probe.id)
                rig.receive(CloudScore(id=probe.id))
    assert rig.links[-1].round_trip_ns < 250 * MS


def test_the_rendezvous_hears_only_of_what_matters(rig: LinkRig) -> None:
    told = len(rig.links)
    rig.learn(times=5, round_trip_ms=20)
    assert len(rig.links) - told <= 1
    rig.learn(times=200, round_trip_ms=20)
    assert len(rig.links) - told <= 1
    rig.learn(times=50, round_trip_ms=40)
    assert rig.links[-1].round_trip_ns >= 40 * MS


# ---- what comes back


def test_a_late_score_is_passed_on_counted_and_teaches(rig: LinkRig) -> None:
    rig.learn()
    rig.ask("a", time_up_ms=45)
    question = rig.questions[-1]
    rig.after(200)
    rig.score(question)
    assert [(heard.code, heard.label) for heard in rig.heard] == [("link.lost", None), (None, "7")]
    record = rig.link.records("meter")["big"]
    assert (record.lost, record.late, record.answered) == (1, 1, 5)
    assert record.trips.p95_ns is not None
    assert record.trips.p95_ns >= 200 * MS
    rig.score(question)
    assert rig.complaints.counts == {"score.duplicate": 1}


def test_what_the_scorer_declines_is_told_and_counted(rig: LinkRig) -> None:
    rig.ask("a")
    error = ErrorInfo("scorer.overloaded", "too many questions")
    rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", error=error))
    assert codes(rig) == [("big", "scorer.overloaded")]
    assert rig.link.records("meter")["big"].declined == {"scorer.overloaded": 1}


def test_a_scorer_that_makes_up_codes_fills_no_memory(rig: LinkRig) -> None:
    for number in range(100):
        rig.ask(f"r{number}")
        error = ErrorInfo(f"made.up.{number}", "x" * 10_000)
        rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", error=error))
    declined = rig.link.records("meter")["big"].declined
    assert len(declined) <= 33
    assert declined.total() == 100


BAD = {
    "bad_confidence": CloudScore(id="", contestant="big", label="7", confidence=float("nan")),
    "bad_confidence ": CloudScore(id="", contestant="big", label="7", confidence=1.5),
    "bad_confidence  ": CloudScore(id="", contestant="big", label="7", confidence=0.5, top=[("7", float("inf"))]),
    "bad_label": CloudScore(id="", contestant="big", label="cat", confidence=0.9),
    "bad_label ": CloudScore(id="", contestant="big", label="7", confidence=0.9, top=[("cat", 0.9)]),
    "bad_output": CloudScore(id="", contestant="big", output={"a": 1}),
    "bad_output ": CloudScore(id="", contestant="big", output=[1.0, float("nan")]),
    "empty": CloudScore(id="", contestant="big", confidence=0.9),
    "too_large": CloudScore(id="", contestant="big", label="7", top=[("7", 0.0)] * 101),
}


@pytest.mark.parametrize("name", BAD)
def test_a_score_that_makes_no_sense_is_a_failure_at_once(rig: LinkRig, name: str) -> None:
    rig.ask("a")
    question = rig.questions[-1]
    bad = {field: getattr(BAD[name], field) for field in BAD[name].__struct_fields__}
    rig.receive(CloudScore(**(bad | {"id": question.id})))
    code = f"score.{name.strip()}"
    assert codes(rig) == [("big", code)]
    assert rig.complaints.counts == {code: 1}


def test_without_a_label_space_any_label_will_do() -> None:
    rig = LinkRig(labels=None)
    rig.become_good()
    rig.ask("a")
    rig.score(rig.questions[-1], label="cat")
    assert rig.heard[-1].label == "cat"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(b"\xc1", "score.unreadable", id="no-messagepack"),
        pytest.param(CloudScore(id="boot:99", contestant="big", label="7"), "score.unknown", id="never-asked"),
        pytest.param(CloudScore(id="boot:99"), "score.unknown", id="a-probe-never-sent"),
        pytest.param(CloudScore(id="other:1", contestant="big", label="7"), "score.foreign", id="another-s"),
        pytest.param(CloudScore(id="x", schema_version=9), "score.version", id="newer"),
    ],
)
def test_what_answers_no_question_of_ours_is_counted(rig: LinkRig, message: CloudScore | bytes, code: str) -> None:
    rig.ask("a")
    rig.receive(message)
    assert rig.complaints.counts == {code: 1}
    assert not rig.heard


def test_a_contestant_that_was_not_asked_or_none_at_all_answers_nothing(rig: LinkRig) -> None:
    rig.ask("a", "big")
    rig.score(rig.questions[-1], "huge")
    rig.receive(CloudScore(id=rig.questions[-1].id))
    assert rig.complaints.counts == {"score.wrong_contestant": 2}
    assert not rig.heard


SKEW = ErrorInfo("message.version", "the question has schema_version 1, scorers read 2: upgrade whoever asks")


def test_scorers_of_another_version_are_no_silence_and_say_whom_to_upgrade(rig: LinkRig) -> None:
    rig.ask("a")
    rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", error=SKEW))
    assert rig.complaints.counts == {"message.version": 1}
    assert rig.link.records("meter")["big"].declined == {"message.version": 1}
    assert rig.link.state == "good"


def test_a_probe_that_comes_back_from_a_scorer_of_another_version_says_so_too() -> None:
    rig = LinkRig()
    rig.link.connected()
    rig.reactor.advance(0)
    rig.receive(CloudScore(id=rig.probes[-1].id, error=SKEW))
    assert rig.complaints.counts == {"message.version": 1}
    assert rig.link.state == "good"


def test_what_a_broker_kept_is_no_score(rig: LinkRig) -> None:
    rig.ask("a")
    rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", label="7"), retain=True)
    assert rig.complaints.counts == {"score.retained": 1}
    assert not rig.heard


def test_no_time_of_day_crosses() -> None:
    rig = LinkRig()
    rig.reactor.now = 10**18  # a machine that has run for decades
    rig.become_good()
    rig.ask("a", time_up_ms=300)
    assert set(Question.__struct_fields__) == {
        "schema_version",
        "id",
        "contestants",
        "remaining_ms",
        "payload",
        "content_type",
        "inject",
    }
    assert all(question.remaining_ms <= 300 for question in rig.questions)


# ---- who takes part changes


def test_a_contestant_that_takes_part_no_more_is_still_heard_on_what_it_was_asked(rig: LinkRig) -> None:
    rig.learn()
    rig.ask("a", "big", "huge")
    (question,) = rig.questions[-1:]
    rig.link.serve("meter", ["other"], None)
    rig.score(question, "big")
    rig.score(question, "huge")
    assert codes(rig) == [("big", None), ("huge", None)]
    rig.ask("b", "big")  # of a request that was opened before
    rig.reactor.advance(rig.reactor.now + 1000 * MS)
    assert codes(rig)[2:] == [("big", "link.lost")]
    assert rig.link.records("meter").keys() >= {"other"}


def test_what_is_known_of_those_that_stay_is_known_on(rig: LinkRig) -> None:
    rig.learn()
    before = rig.link.records("meter")["big"]
    rig.link.serve("meter", ["big", "other"], None)
    assert rig.link.records("meter")["big"] is before
    assert before.answered == 5


def test_a_task_that_is_withdrawn_amid_a_question_costs_nothing(rig: LinkRig) -> None:
    rig.ask("a")
    (question,) = rig.questions[-1:]
    rig.link.withdraw("meter")
    rig.score(question)
    assert codes(rig) == [("big", None)]
    assert rig.link.describe() is None
    sent = len(rig.sent)
    rig.reactor.advance(rig.reactor.now + 3_600_000 * MS)
    assert len(rig.sent) == sent, "there is nobody to probe"


def test_a_task_that_is_served_while_connected_is_told_of_the_link_and_asked_at_once(rig: LinkRig) -> None:
    rig.link.withdraw("meter")
    rig.links.clear()
    rig.link.serve("meter", ["big"], None)
    assert [link.up for link in rig.links] == [True]
    assert rig.ask("a") is None


def test_the_first_task_to_be_served_on_a_connection_finds_out_about_the_link() -> None:
    rig = LinkRig()
    rig.link.withdraw("meter")
    rig.link.connected()
    rig.reactor.advance(rig.reactor.now + 1000 * MS)
    assert (rig.sent, rig.link.state) == ([], "down")
    rig.link.serve("meter", ["big"], None)
    rig.reactor.advance(rig.reactor.now)
    rig.receive(CloudScore(id=rig.probes[-1].id))
    assert rig.link.state == "good"
