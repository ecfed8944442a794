"""What a wrong command line of the demo ends with."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.roost_demo.__main__ import main


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """The demo handles SIGTERM, this process does as before."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param("--images .", "go together", id="pictures without a model"),
        pytest.param("--images none --model m --labels labels", "no such folder", id="folder"),
        pytest.param("--images . --model m --labels none", "cannot be read", id="labels"),
        pytest.param("--rate 0", "above 0", id="rate"),
    ],
)
def test_a_wrong_command_line_is_named(
    arguments: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels").write_text("cat\ndog\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["scripts/demo", *arguments.split()])
    try:
        status: object = main()
    except SystemExit as left:
        status = left.code
    assert status == 2
    assert said in capsys.readouterr().err
