"""What a real agent answered, in real time and under a load that makes it late, is what a replay answers."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from roost_shared.messages import Answer
from roost_shared.records import SampleRecord
from roost_shared.rendezvous import Contestant, Rule, TaskPolicy
from roost_shared.rendezvous.replay import case_of, play_original
from tests.support.agent import AgentProcess, Caller, task_toml
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto

INPUTS = 600
RULES = 'accept = "primary", min_confidence = 0.9; accept = "backup", after_ms = 1; accept = "primary", after_ms = 2'
POLICY = TaskPolicy(
    task="light",
    contestants=(
        Contestant(name="primary"),
        Contestant(name="backup", has_confidence=False),
        Contestant(name="baseline", role="baseline"),
    ),
    rules=(
        Rule(accept="primary", min_confidence=0.9),
        Rule(accept="backup", after_ms=1),
        Rule(accept="primary", after_ms=2),
    ),
    deadline_ms=12,
    default="unknown",
)


def test_what_an_agent_answered_is_answered_again(tmp_path: Path, bundles: Bundles) -> None:
    contestants = {"primary": bundles.sure, "backup": bundles.unrated, "baseline": bundles.contrary}
    task = task_toml("light", contestants, rules=RULES, deadline_ms=12)
    draw = random.Random(7)
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        with AgentProcess(tmp_path / "agent", broker.url, task) as agent, Caller(broker.port) as caller:
            agent.start()
            answers: list[dict[str, Any]] = []
            while len(answers) < INPUTS:
                burst = draw.choice([1, 1, 3, 20])
                for _ in range(burst):
                    caller.publish(picture(draw.randrange(100, 156)))
                answers += caller.answers(burst)
    finally:
        broker.kill()
    reasons: Counter[str] = Counter()
    for told in answers:
        answer = msgspec.convert(told, Answer)
        record = SampleRecord(sample="boot-1", answer=answer, kept_for=[], probability=1.0, recorded="all")
        played = play_original(case_of(record, []), POLICY)
        score = played.answer.score
        label = POLICY.default if score is None else score.label
        assert (played.contestant, label, played.answer.reason) == (answer.contestant, answer.label, answer.reason), (
            json.dumps(told)
        )
        reasons[answer.reason + ("" if played.stall is None else ", a timer late")] += 1
    assert len(reasons) > 1, reasons
