"""The examples as a person starts them: to their end, and with what they promise to show.

Each starts a cloud, a device and some twenty commands, so those that take more than a minute are long runs.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"
PATIENCE_S = 900  # each takes a tenth of that by itself; a machine with too much to do takes far longer


def play(example: str, scratch: Path, *arguments: str | Path) -> str:
    """Run an example to its end; returns what it printed. It leaves nothing behind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "EXAMPLE_"))}
    scratch.mkdir()
    ended = subprocess.run(
        [EXAMPLES / example / "run", *arguments],
        env=environment | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert not list(scratch.iterdir())
    return ended.stdout


def rightly(printed: str) -> list[float]:
    """The percentages of right answers, in order; every answer was in time."""
    found = re.findall(r"(\d+) of (\d+) answered by the deadline, ([\d.]+)% rightly", printed)
    assert all(in_time == asked for in_time, asked, _ in found), printed
    return [float(share) for _, _, share in found]


@pytest.mark.campaign
@pytest.mark.timeout(PATIENCE_S + 60)
@pytest.mark.parametrize(
    "photos",
    [
        pytest.param(SHARED_DATA / "meter-digits", id="photos-of-meters", marks=needs_shared_data),
        pytest.param(None, id="digits"),
    ],
)
def test_a_model_comes_from_its_photos_to_a_better_one_on_the_device(photos: Path | None, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(METER_LABELS))
    model = SHARED_DATA / "models" / "meter-digits_1900_int8.tflite"
    given: list[str | Path] = ["--photos", photos, "--model", model, "--labels", labels] if photos else []
    printed = play("meter_reader", tmp_path / "scratch", *given)
    before, slipped, refined = rightly(printed)
    assert slipped < refined
    assert slipped < before
    assert "finished" in printed


@pytest.mark.campaign
@pytest.mark.timeout(PATIENCE_S + 60)
def test_a_cracked_bearing_is_noticed_by_what_the_accelerometer_sees(tmp_path: Path) -> None:
    printed = play("vibration", tmp_path / "scratch")
    assert rightly(printed)[0] > 95
    assert "deviations" in printed


@pytest.mark.campaign
@pytest.mark.timeout(PATIENCE_S + 60)
def test_somebody_elses_trainer_makes_a_candidate_that_passes_the_gate(tmp_path: Path) -> None:
    printed = play("external_trainer", tmp_path / "scratch")
    assert "registered" in printed
