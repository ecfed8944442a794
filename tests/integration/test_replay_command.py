"""`roost replay`, against a real cloud with what devices have told it."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.client import exchange
from roost_cloud.replay import source
from roost_shared.bundle import open_bundle
from roost_shared.clock import MS
from roost_shared.pipeline import Pipeline
from roost_shared.records import InputInfo, PolicyRecord, Record
from roost_shared.rendezvous import Contestant, Link, PolicyDocument, Rule, Score, TaskPolicy
from tests.support.bundles import Bundles, picture
from tests.support.fleet import API, enrolled_device
from tests.support.recorded import Lived, World, live
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.stocked import stock_shard
from tests.support.telling import batch

COUNT = 40
SINCE = ("--task", "light", "--since", "2026-11-24", "--until", "2026-11-25")
CONTESTANTS = (Contestant(name="primary"), Contestant(name="backup"), Contestant(name="cloud", where="cloud"))
RULES = (
    Rule(accept="primary", min_confidence=0.8),
    Rule(accept="cloud"),
    Rule(accept="backup", after_ms=80),
)
POLICY = TaskPolicy(task="light", contestants=CONTESTANTS, rules=RULES, deadline_ms=300, default="unknown")
RULES_TOML = """
[tasks.light]
deadline_ms = 200
[[tasks.light.contestants]]
name = "ignored here"
[[tasks.light.rules]]
accept = "backup"
[[tasks.light.rules]]
after_ms = 50
accept = "primary"
"""


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        yield served


def payload_of(number: int) -> bytes:
    return picture(number * 255 // COUNT)


@pytest.fixture(scope="module")
def told(bundles: Bundles) -> list[Lived]:
    """What was answered: the primary runs `sure`, and is unsure of what is neither dark nor bright."""
    bundle = open_bundle(bundles.sure)
    pipeline = Pipeline.load(bundle)
    found = []
    for number in range(1, COUNT + 1):
        scored = pipeline.score(payload_of(number))
        said = Score("primary", scored.label, scored.confidence, bundle=bundle.reference)
        world = World(
            {
                "primary": ((5.0 + number / 7, said),),
                "backup": ((30.0, Score("backup", "dark", 0.7, bundle="other:1@sha256:00")),),
                "cloud": ((40.0, Score("cloud", "bright", 0.99)),),
            },
            link=Link(up=True, round_trip_ns=60 * MS),
        )
        lived = live(POLICY, world, number=number)
        digest = hashlib.sha256(payload_of(number)).hexdigest()
        kept = InputInfo(sha256=digest, size_bytes=len(payload_of(number)), content_type="image/png")
        found.append(dataclasses.replace(lived, record=msgspec.structs.replace(lived.record, input=kept)))
    return found


@pytest.fixture
def stocked(cloud: ServedCloud, told: list[Lived], bundles: Bundles) -> ServedCloud:
    """A cloud that knows all of it, with every second input, and the bundle `contrary`."""
    cam = enrolled_device(cloud, "cam-01")
    document = PolicyDocument.of(POLICY)
    records: list[Record] = [PolicyRecord(task="light", digest=document.digest, document=document.encode())]
    for lived in told:
        records += [lived.record, *lived.late]
    answer = cloud.client.post(f"{API}/device/records", content=batch(records), headers=cam.headers())
    assert answer.status_code == 200, answer.text
    inputs = {lived.record.sample: payload_of(number + 1) for number, lived in enumerate(told) if number % 2}
    stock_shard(cloud.services, "acme", "cam-01", inputs, probability=0.25)
    RegistryApi(cloud).stock(open_bundle(bundles.contrary))
    RegistryApi(cloud).stock(open_bundle(bundles.sure))
    return cloud


def environment(cloud: ServedCloud) -> dict[str, str]:
    return {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(role="viewer"), "COLUMNS": "200"}


def run(cloud: ServedCloud, *arguments: str | Path, fails: str | None = None) -> str:
    result = CliRunner().invoke(app, ["replay", *SINCE, *map(str, arguments)], env=environment(cloud))
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception!r}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.stdout


def report(cloud: ServedCloud, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(cloud, "--json", *arguments))
    return found


def answers(side: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(one["contestant"], one["reason"]): one["share"]["count"] for one in side["answers"]}


def test_what_was_recorded_is_answered_again_as_it_was(stocked: ServedCloud, told: list[Lived]) -> None:
    found = report(stocked)
    assert (found["records"], found["replayed"], found["differs_from_recorded"]["count"]) == (COUNT, COUNT, 0)
    assert found["recorded"] == found["would_be"]
    unsure = sum(bool(lived.asked_ms) for lived in told)
    assert 0 < unsure < COUNT
    assert answers(found["recorded"]) == {("primary", "preferred"): COUNT - unsure, ("cloud", "preferred"): unsure}
    assert (found["recorded"]["asked"]["count"], found["changed"]["count"]) == (unsure, 0)
    assert run(stocked, "--json") == run(stocked, "--json")


def test_by_another_bar_it_is_as_if_that_had_been_the_bar(stocked: ServedCloud, told: list[Lived]) -> None:
    found = report(stocked, "--bar", "primary=0.95")
    sure = [lived for lived in told if not lived.asked_ms]
    unsure_now = [lived for lived in sure if (lived.record.answer.confidence or 0) < 0.95]
    assert unsure_now
    assert found["unknown"] == {"cloud": len(unsure_now)}
    assert found["would_be"]["asked"]["count"] == COUNT - len(sure) + len(unsure_now)
    assert answers(found["would_be"])["backup", "fallback"] == len(unsure_now)


def test_by_other_rules_of_a_file_another_answers(stocked: ServedCloud, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULES_TOML)
    found = report(stocked, "--rules", file)
    assert answers(found["would_be"]) == {("backup", "preferred"): COUNT}
    assert found["would_be"]["p50_ms"] == 30.0
    labels = tmp_path / "labels.csv"
    labels.write_text("sample,label\nboot-1,dark\nboot-40,bright\nboot-2,bright\n")
    judged = report(stocked, "--rules", file, "--labels", labels)
    assert (judged["judged"], judged["would_be"]["right"]["count"], judged["recorded"]["right"]["count"]) == (3, 1, 2)
    text = run(stocked, "--rules", file, "--labels", labels)
    for line in ("40 replayed of 40, standing for 80", "RECORDED → REPLAYED", "bright → dark", "right, of 3"):
        assert line in text
    file.write_text(RULES_TOML.replace("after_ms", "after"))
    run(stocked, "--rules", file, fails="tasks.light.rules[1].after: unknown setting")


def test_another_bundle_says_what_it_says_of_the_inputs_that_are_there(
    stocked: ServedCloud, told: list[Lived]
) -> None:
    found = report(stocked, "--bundle", "contrary:1", "--contestant", "primary")
    assert found["left_out"] == {"no_input": COUNT // 2}
    assert (found["replayed"], found["stand_for"]) == (COUNT // 2, COUNT * 2)
    there = [lived for number, lived in enumerate(told) if number % 2]
    by_primary = sum(lived.record.answer.contestant == "primary" for lived in there)
    assert sum(one["share"]["count"] for one in found["changes"]) == by_primary
    assert {one["change"] for one in found["changes"]} == {"dark → bright", "bright → dark"}
    assert found["would_be"]["p50_ms"] == found["recorded"]["p50_ms"]
    same = report(stocked, "--bundle", "sure:1")  # whose bundle has that name: the primary's
    assert (same["contestant"], same["changed"]["count"], same["recorded"]) == ("primary", 0, same["would_be"])
    assert report(stocked, "--bundle", "contrary:1")["left_out"] == {"no_contestant": COUNT}
    assert "given the time that took" in run(stocked, "--bundle", "sure:1")


WRONG = {
    ("--bundle", "sure"): "BadReferenceError",
    ("--bundle", "sure:9"): "there is no",
    ("--bar", "primary"): "BadBarError",
    ("--bar", "primary=1.5"): "BadBarError",
    ("--labels", "/nowhere"): "FileNotFoundError",
    ("--until", "2026-11-23"): "nothing lies between",
    ("--since", "yesterday"): "no moment",
    ("--task", "A"): "'A'",
    ("--rules", "/nowhere.toml"): "no such file",
}


def test_what_is_wrong_is_said(stocked: ServedCloud) -> None:
    for arguments, why in WRONG.items():
        run(stocked, *arguments, fails=why)


def test_pages_hide_nothing(stocked: ServedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(stocked, "--json", "--bar", "primary=0.9")
    monkeypatch.setattr(source, "_EACH", 7)
    assert run(stocked, "--json", "--bar", "primary=0.9") == whole


def test_pages_too_large_for_an_answer_are_asked_for_in_halves(
    stocked: ServedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(stocked, "--json", "--bar", "primary=0.9")
    monkeypatch.setattr(exchange, "_ANSWER_MAX_BYTES", 4000)
    assert run(stocked, "--json", "--bar", "primary=0.9") == whole
    monkeypatch.setattr(exchange, "_ANSWER_MAX_BYTES", 100)
    run(stocked, fails="larger than 100 bytes")


def test_killed_it_goes_on_and_ends_with_the_same_report(stocked: ServedCloud, tmp_path: Path) -> None:
    whole, state = run(stocked, "--json", "--bundle", "contrary:1", "--contestant", "primary"), tmp_path / "state"
    arguments = [*SINCE, "--json", "--bundle", "contrary:1", "--contestant", "primary", "--state", str(state)]
    code = "import signal, sys; from roost_cloud.replay import source, run; source._EACH = 7\n"
    code += "write, left = run.write_durably, [int(sys.argv.pop(1))]\n"
    code += "def written(*said):\n    write(*said); left[0] -= 1\n    left[0] or signal.raise_signal(signal.SIGKILL)\n"
    code += "run.write_durably = written\nfrom roost_cloud.__main__ import main; main()"
    env = {**os.environ, **environment(stocked)}
    for pages in (1, 2, 1):
        command = [sys.executable, "-c", code, str(pages), "replay", *arguments]
        killed = subprocess.run(command, env=env, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert json.loads(state.read_text())["tally"]["read"] == 28
    assert run(stocked, *arguments[6:]) == whole
    assert run(stocked, *arguments[6:]) == whole
    run(stocked, "--state", state, fails="StateError")
