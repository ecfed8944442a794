"""Trainers that do in a moment what real ones may do: make a bundle, or fail in one of many ways.

They run in processes of their own, found by the entry points that `installed` writes down.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from roost_cloud.training import job as job_room
from roost_cloud.training.errors import TrainingError
from roost_cloud.training.job import TrainingJob
from roost_cloud.training.progress import Progress
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.derive import derive_bundle, derived_config

__all__ = ["Tiny", "installed"]

ROOT = Path(__file__).parents[2]


def installed(folder: Path) -> str:
    """Write down where trainers are; what PYTHONPATH has to be for processes to find them."""
    info = folder / "tiny_trainers-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-trainers\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[roost.trainers]\ntiny = tests.support.tiny_trainers:Tiny\n")
    return f"{folder}:{ROOT}"


class Tiny:
    """Makes the incumbent anew as the candidate; `do` says what else happens, `once` that it does so only once."""

    version = "1"

    def train(self, job: TrainingJob, folder: Path, progress: Progress) -> None:
        progress.step(0, 2, "looking")
        progress.log(f"{len(job.examples)} examples")
        incumbent = open_bundle(job_room.incumbent_of(folder))
        once = job.parameters.get("once")
        if once is None or not Path(once).exists():
            if once is not None:
                Path(once).touch()
            _MISBEHAVIOURS.get(str(job.parameters.get("do")), _nothing)(job, progress)
        progress.metric("accuracy.new", 0.9)
        progress.step(1, 2, "writing")
        self._write(incumbent, job, folder)
        _AFTERWARDS.get(str(job.parameters.get("do")), _nothing_more)(folder)
        progress.step(2, 2, "writing")

    def _write(self, incumbent: Bundle, job: TrainingJob, folder: Path) -> None:
        said = {"labels": tuple(reversed(job.labels))} if job.parameters.get("do") == "labels" else {}
        run = "another" if job.parameters.get("do") == "another" else job.run
        changes = {"training_run": run, "name": job.name, **said}
        config = derived_config(incumbent, version=job.version, suffix="tiny", changes=changes)
        derive_bundle(incumbent, job_room.candidate_of(folder), config)


def _nothing(_job: TrainingJob, _progress: Progress) -> None:
    """As it should be."""


def _crash(_job: TrainingJob, _progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(_job: TrainingJob, _progress: Progress) -> None:
    raise ZeroDivisionError("by one of ours")


def _eat(_job: TrainingJob, progress: Progress) -> None:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 8)
        progress.step(0, 2, "eating")


def _hang(_job: TrainingJob, _progress: Progress) -> None:
    time.sleep(600)


def _say_nan(_job: TrainingJob, progress: Progress) -> None:
    progress.metric("loss", float("nan"))
    time.sleep(600)


def _give_up(_job: TrainingJob, _progress: Progress) -> None:
    raise TrainingError("the labels contradict each other")


def _wait(_job: TrainingJob, progress: Progress) -> None:
    for number in range(100_000):
        progress.step(number, 100_000, "waiting")
        time.sleep(0.02)


def _peek(job: TrainingJob, _progress: Progress) -> None:
    found = [path for path in Path.cwd().parent.rglob("*") if path.is_file()]
    Path(job.parameters["into"]).write_text("\n".join(str(path) for path in found))


def _sleep(job: TrainingJob, progress: Progress) -> None:
    progress.step(1, 2, "asleep")
    time.sleep(float(job.parameters["sleep_s"]))


def _nothing_more(_folder: Path) -> None:
    """As it should be."""


def _link(folder: Path) -> None:
    candidate = job_room.candidate_of(folder)
    candidate.rename(folder / "elsewhere")
    candidate.symlink_to(folder / "elsewhere")


def _plant(folder: Path) -> None:
    gate = folder.parent / "gate"
    gate.mkdir()
    (gate / "verdict.json").write_text('{"passed": true, "reasons": []}')


_AFTERWARDS: dict[str, Callable[[Path], None]] = {"link": _link, "plant": _plant}
_MISBEHAVIOURS: dict[str, Callable[[TrainingJob, Progress], None]] = {
    "crash": _crash,
    "raise": _raise,
    "memory": _eat,
    "hang": _hang,
    "nan": _say_nan,
    "impossible": _give_up,
    "wait": _wait,
    "peek": _peek,
    "sleep": _sleep,
}
