"""`roost task`, against a real HTTP server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.bundle import Bundle
from tests.support.registry import RegistryApi
from tests.support.served_cloud import ServedCloud, serve_cloud

TOML = """
deadline_ms = 900
[[contestants]]
name = "big"
bundle = "argmax:1"
[[rules]]
accept = "big"
min_confidence = 0.5
"""


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path, argmax: Bundle) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        RegistryApi(served).stock(argmax)
        yield served


def run(cloud: ServedCloud, *arguments: str, fails: str | None = None, stdin: str = "") -> str:
    env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(), "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["task", *arguments], env=env, input=stdin)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception}"
    return result.output


def test_a_task_is_set_shown_listed_and_deleted(cloud: ServedCloud, tmp_path: Path) -> None:
    file = tmp_path / "task.toml"
    file.write_text(TOML)
    assert run(cloud, "set", "meter", str(file)) == "task meter, version 1: big=argmax:1\n"
    shown = run(cloud, "show", "meter")
    assert "  deadline_ms = 900.0" in shown
    assert "  contestant: name=big bundle=argmax:1" in shown
    assert "  rule: accept=big" in shown
    assert json.loads(run(cloud, "show", "meter", "--json"))["document"]["rules"][0]["min_confidence"] == 0.5
    assert [line.split()[:3] for line in run(cloud, "list").splitlines()][1] == ["meter", "1", "big=argmax:1"]
    assert run(cloud, "delete", "meter") == "task meter: deleted\n"
    run(cloud, "show", "meter", fails="there is no task 'meter'")


def test_a_task_is_found_in_a_file_of_several_and_on_standard_input(cloud: ServedCloud, tmp_path: Path) -> None:
    file = tmp_path / "tasks.toml"
    file.write_text(TOML.replace("[[", "[[tasks.meter.").replace("deadline_ms", "tasks.meter.deadline_ms"))
    run(cloud, "set", "meter", str(file))
    run(cloud, "set", "other", str(file), fails="there is no [tasks.other]")
    assert "version 1" in run(cloud, "set", "other", "-", stdin=TOML)


def test_what_is_wrong_is_said_in_a_line(cloud: ServedCloud, tmp_path: Path) -> None:
    run(cloud, "set", "meter", str(tmp_path / "none.toml"), fails="no such file. Give the path of one that is there")
    run(cloud, "set", "meter", "-", stdin="= 5", fails="Mend the TOML")
    run(cloud, "set", "meter", "-", stdin=TOML.replace("argmax:1", "argmax:9"), fails="the registry has no argmax:9")
    run(cloud, "set", "Not A Name", "-", stdin=TOML, fails="is not a name")
