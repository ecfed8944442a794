"""The campaign's own logic: what is planned, what is remembered, and that a planted violation is found."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from scripts.roost_campaign.journal import Done, Journal, JournalError
from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.plan import Terms, next_scenario, step_number
from scripts.roost_campaign.report import as_markdown, summary, write_report
from scripts.roost_campaign.running import run_step
from scripts.roost_campaign.site.earlier import Earlier
from scripts.roost_campaign.site.feeder import Asked
from scripts.roost_campaign.site.invariants import Leave, check_answers, check_bundles, check_stored
from scripts.roost_campaign.stalls import Stall, Stalls
from scripts.roost_campaign.step import Room, Step, load_scenario, scenario_names

SIGNED = {"argmax:1@sha256:00"}
QUIET = Leave()


def done(scenario: str, number: int, seconds: float = 10.0, **fields: Any) -> Done:
    return Done(scenario, number, seconds, Outcome(**fields))


def test_a_campaign_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with Journal(file, 7) as journal:
        journal.begin("spool", 0)
        journal.end(done("spool", 0, kills={"spool: a step": 3}))
        journal.begin("spool", 1)
    with file.open("ab") as cut:
        cut.write(b'{"type":"done","scen')
    with Journal(file, 7) as journal:
        assert [(one.scenario, one.number, one.outcome.killed) for one in journal.done] == [("spool", 0, 3)]
        assert (journal.spent_s, journal.interrupted) == (10.0, 1)
        assert step_number(journal.done, "spool") == 1, "the one that did not end is done again"
        journal.begin("spool", 1)
        journal.end(done("spool", 1))
    with Journal(file, 7) as journal:
        assert len(journal.done) == 2


def test_two_campaigns_do_not_write_one_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with Journal(file, 7):
        pid = os.fork()  # POSIX's locks are a process's
        if pid == 0:
            try:
                Journal(file, 7)
            except JournalError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
    Journal(file, 7).__exit__(None, None, None)


@pytest.mark.parametrize("text", [b'{"type":"campaign","seed":8}\n', b"something else\n"])
def test_another_campaigns_journal_is_not_gone_on_with(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_bytes(text)
    with pytest.raises(JournalError):
        Journal(file, 7)


def test_each_scenario_has_its_turn_and_then_its_share() -> None:
    terms = {"a": Terms(1, 10), "b": Terms(3, 10)}
    steps: list[Done] = []
    while (name := next_scenario(steps, terms, 200 - 10 * len(steps))) is not None:
        steps.append(done(name, step_number(steps, name)))
    names = [one.scenario for one in steps]
    assert set(names[:2]) == {"a", "b"}
    assert (names.count("a"), names.count("b")) == (5, 15)


def test_what_is_over_at_once_does_not_take_all_turns() -> None:
    terms, steps, left_s = {"skipped": Terms(6, 240), "works": Terms(1, 10)}, list[Done](), 600.0
    while (name := next_scenario(steps, terms, left_s)) is not None and len(steps) < 200:
        steps.append(done(name, step_number(steps, name), 0.1 if name == "skipped" else 10.0))
        left_s -= steps[-1].seconds
    assert sum(one.scenario == "works" for one in steps) > 10


def test_all_scenarios_can_be_loaded_and_say_what_they_do() -> None:
    for name in scenario_names():
        scenario = load_scenario(name)
        assert scenario.__doc__
        assert 0 < scenario.TYPICAL_S < scenario.LIMIT_S
        assert scenario.SHARE > 0


class Played:
    """A scenario of a test's own."""

    SHARE, TYPICAL_S, LIMIT_S = 1.0, 1.0, 20.0

    def __init__(self, do: str) -> None:
        self._do = do

    def run(self, _step: Step, room: Room) -> None:
        room.outcome.kill("somebody", "somewhere")
        match self._do:
            case "raise":
                raise ZeroDivisionError("planted")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                self.LIMIT_S = 0.0
                signal.pause()
            case "skip":
                pytest.skip("there is none here")


@pytest.mark.parametrize(
    ("do", "broken", "kills"),
    [("well", [], 1), ("skip", [], 1), ("raise", ["step goes through"], 1), ("die", ["step ends"], 0)],
)
def test_whatever_a_step_does_is_told(tmp_path: Path, do: str, broken: list[str], kills: int) -> None:
    ended = run_step(Step("played", 0, 1), Played(do), tmp_path, Stalls(tmp_path / "stalls"))
    assert [one.invariant for one in ended.outcome.violations] == broken
    assert ended.outcome.killed == kills
    assert ended.outcome.skipped == (["played: there is none here"] if do == "skip" else [])


def test_a_step_that_hangs_is_ended(tmp_path: Path) -> None:
    played = Played("hang")
    played.LIMIT_S = 0.2
    ended = run_step(Step("played", 0, 1), played, tmp_path, Stalls(tmp_path / "stalls"))
    assert [one.invariant for one in ended.outcome.violations] == ["step ends"]


def test_a_report_says_how_to_repeat_what_did_not_hold(tmp_path: Path) -> None:
    outcome = Outcome(kills={"agent: at work": 2, "agent: while it starts": 1})
    outcome.broken("exactly one answer each", "input 3 has none")
    steps = [Done("site", 4, 30.0, outcome), done("spool", 0, kills={"spool: a step": 40})]
    found = summary(7, steps, [Stall(1.0, 0.25)], ["site", "spool", "trust"])
    assert (found["kills"], found["kills_by_victim"]) == (43, {"agent": 3, "spool": 40})
    assert found["not_run"] == ["trust"]
    write_report(tmp_path, found)
    assert json.loads((tmp_path / "report.json").read_bytes())["violations"][0]["step"] == "site:4"
    text = (tmp_path / "report.md").read_text()
    assert text == as_markdown(found)
    assert "scripts/campaign --seed 7 --repeat site:4" in text
    assert "not run, for want of time: trust" in text


def asked(number: int, *answers: dict[str, Any], took_s: float = 0.1) -> Asked:
    """An input that its broker has, and its answers."""
    said = {"reason": "preferred", "redelivered": False, "deadline_met": True, "unsigned": False}
    said["bundle"] = "argmax:1@sha256:00"
    heard = [(100.0 + took_s, json.dumps(said | one).encode()) for one in answers]
    return Asked(number, f"digest-{number}", 100.0, acknowledged=True, answers=heard)


def found(inputs: list[Asked], leave: Leave = QUIET, *, stall_s: float = 0.0, **stored: int) -> list[str]:
    """What the invariants find."""
    outcome = Outcome()
    check_answers(inputs, leave, 1.0, lambda *_: stall_s, outcome)
    check_bundles(inputs, SIGNED, outcome)
    here = {one.sha256: stored.get(f"n{one.number}", 1) for one in inputs} | {"earlier": stored.get("earlier", 1)}
    check_stored(inputs, here, stored.get("others", 0), leave, outcome)
    return [one.invariant for one in outcome.violations]


ANSWER = "exactly one answer each"
STORE = "acknowledged inputs exactly once in the store"


def test_what_is_as_it_should_be_breaks_nothing() -> None:
    assert found([asked(1, {}), asked(2, {})]) == []
    assert found([asked(1, {}, {})]) == [], "MQTT repeats at QoS 1; it is the same answer"


def test_planted_violations_are_found() -> None:
    assert found([asked(1)]) == [ANSWER]
    assert found([asked(1, {}, {"reason": "default"})]) == [ANSWER]
    assert found([asked(1, {}, {"redelivered": True})]) == [ANSWER], "nobody was started anew"
    assert found([asked(1, {}), asked(2, {})], n2=2) == [STORE]
    assert found([asked(1, {}), asked(2, {})], n2=0) == [STORE]
    assert found([asked(1, {})], earlier=2) == [STORE], "an input of an earlier round came again"
    assert found([asked(1, {})], others=1) == ["the store holds nothing that nobody sent"]
    assert found([asked(1, {"bundle": "evil:1@sha256:00"})]) == ["nothing unsigned active"]
    assert found([asked(1, {"unsigned": True})]) == ["nothing unsigned active"]
    assert found([asked(1, {"deadline_met": False}, took_s=2.0)]) == ["answers by the deadline"]
    assert found([asked(1, {}, took_s=2.5)]) == ["answers by the deadline"], "whatever the device says of it"
    assert found([asked(1, {}, took_s=1.5)]) == [], "the way to the device and back has its time, too"
    assert found([]) == ["a round has inputs"], "nothing was looked at"


def test_earlier_rounds_inputs_stay_in_the_store_and_are_doubled_by_nobody_but_a_killed_broker() -> None:
    earlier, outcome, now = Earlier(), Outcome(), [asked(2, {})]
    assert earlier.look({"old": 1, "other": 1}, [], QUIET, outcome) == {"old": 1, "other": 1}
    broken = Leave(lost_by_broker=True)
    here = {"old": 2, "other": 1, "digest-2": 2}
    assert earlier.look(here, now, broken, outcome) == {"old": 1, "other": 1, "digest-2": 2}
    here |= {"other": 2}
    assert earlier.look(here, [], QUIET, outcome) == {"old": 1, "other": 2, "digest-2": 1}, "each is told once"
    assert not outcome.violations
    earlier.look({"old": 2, "digest-2": 2}, [], QUIET, outcome)
    assert [one.invariant for one in outcome.violations] == ["what is in the store stays there"]


def test_hazards_excuse_what_they_must_and_no_more() -> None:
    restarted = Leave(late=True, redelivered=True)
    assert found([asked(1, {}, {"redelivered": True})], restarted) == []
    assert found([asked(1, {}, {"reason": "default"})], restarted) == [ANSWER], "neither is marked"
    late = asked(1, {"deadline_met": False}, took_s=2.0)
    assert found([late], restarted) == []
    assert found([late], stall_s=0.5) == [], "the machine itself stood still"
    lost = Leave(late=True, redelivered=True, lost_by_broker=True)
    assert found([asked(1)], lost, n1=0) == []
    assert found([asked(1, {})], lost, n1=0) == [STORE], "what was answered had come"
    full = Leave(not_kept=1)
    assert found([asked(1, {}), asked(2, {})], full, n1=0) == []
    assert found([asked(1, {}), asked(2, {})], full, n1=0, n2=0) == [STORE]
