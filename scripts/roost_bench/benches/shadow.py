"""What shadow heads on the primary's base cost: the answer's latency, and the worker's time for each input."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self

from roost_edge.loop.reactor import Reactor
from roost_edge.workers import Job, Key, ServedContestant, SharedPayload, Worker, WorkerSpec
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.split import split_bundle
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.messages import ErrorInfo
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.answer import MODEL, photo

GOALS = (
    Goal("one_ratio", at_most=1.05),
    Goal("ten_ratio", at_most=1.30),
)
COMPARED_WITH = (
    "the same worker with the primary alone, in turn, MobileNetV2 with heads of 1001 labels: from handing over the "
    "input to hearing the answering score, and CPU time of the process for each input. Beside it: a whole second model"
)

PAUSE_NS: Final = 15 * MS  # between inputs, long enough for every head to finish
PATIENCE_NS: Final = 20 * SECOND


def run(options: Options) -> Result:
    """Measure all line-ups in turn, round after round."""
    if options.data is None:
        return {"one_ratio": None, "ten_ratio": None, "limited_by": "../shared/data is absent"}
    with tempfile.TemporaryDirectory() as name, ExitStack() as started:
        whole, split = _bundles(Path(name), options.data)
        primary = ("primary", split)
        line_ups = {
            "none": [[primary]],
            "one": [[primary, ("shadow", split)]],
            "ten": [[primary, *((f"shadow-{number}", split) for number in range(10))]],
            "whole": [[primary], [("shadow", whole)]],
        }
        sites = {name: [started.enter_context(_Site(crew)) for crew in crews] for name, crews in line_ups.items()}
        payload = photo(options.data / "photos" / "parrot.jpg")
        latency_ms, work_ms = _rounds(sites, payload, *((3, 20) if options.quick else (15, 40)))
    return {
        "one_ratio": latency_ms["one"] / latency_ms["none"],
        "ten_ratio": work_ms["ten"] / work_ms["none"],
        "latency_ms": latency_ms,
        "worker_ms": work_ms,
        "whole_latency_ratio": latency_ms["whole"] / latency_ms["none"],
        "whole_ratio": work_ms["whole"] / work_ms["none"],
    }


def _rounds(
    sites: Mapping[str, "Sequence[_Site]"], payload: bytes, rounds: int, inputs: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Medians of answer latency and of work for an input, in milliseconds, by line-up."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
    for number in range(rounds + 1):
        for name, site in sites.items():
            figures = _measure(site, payload, inputs)
            if number:  # the first round only warms
                measured[name].append(figures)
    latency_ms, work_ms = (
        {name: statistics.median(one[place] for one in figures) for name, figures in measured.items()}
        for place in range(2)
    )
    return latency_ms, work_ms


def _bundles(folder: Path, data: Path) -> tuple[Bundle, Bundle]:
    """MobileNetV2 whole, and in base and head."""
    labels = (data / "models" / "imagenet_labels.txt").read_text().splitlines()
    model = (data / "models" / MODEL).read_bytes()
    whole = build_bundle({"model": model}, folder / "whole", name="photos", version="1", labels=labels).bundle
    return whole, split_bundle(whole, folder / "split").bundle


class _Site:
    """A worker with its loop; the first contestant may answer."""

    def __init__(self, crew: Sequence[tuple[str, Bundle]]) -> None:
        self.heard: dict[str, int] = {}  # contestant to the moment of its last score
        self.ready: set[str] = set()
        self.reactor = Reactor(SystemClock())
        served = [
            ServedContestant(name, bundle.folder, may_answer=not number) for number, (name, bundle) in enumerate(crew)
        ]
        self.names = {one.name for one in served}
        self.worker = Worker(WorkerSpec(task="photos", contestants=tuple(served)), self.reactor, self)

    def __enter__(self) -> Self:
        self.worker.start()
        self.until(lambda: self.ready == self.names)
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop(self.reactor.now_ns())
        self.until(lambda: self.worker.state == "stopped")
        self.reactor.close()

    def until(self, condition: Callable[[], bool]) -> None:
        """Serve until `condition` holds."""
        give_up = self.reactor.call_after(PATIENCE_NS, self.reactor.stop)
        self._check = condition
        if not condition():
            self.reactor.run()
        give_up.cancel()
        if not condition():
            raise TimeoutError("the worker does not reply")

    def until_all_scored(self) -> None:
        """Serve until every contestant has."""
        self.until(lambda: self.heard.keys() == self.names)

    def pause(self) -> None:
        """Serve for `PAUSE_NS`."""
        self._check = lambda: False
        self.reactor.call_after(PAUSE_NS, self.reactor.stop)
        self.reactor.run()

    def cpu_ns(self) -> int:
        """CPU time of the worker's process so far."""
        pid = self.worker.stats(min(self.names)).pid
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])

    def on_score(self, _key: Key, contestant: str, _scored: object) -> None:
        """Note the moment."""
        self.heard[contestant] = time.monotonic_ns()
        self._look()

    def on_failure(self, key: Key, contestant: str, error: ErrorInfo) -> None:
        """Nothing may fail here."""
        raise RuntimeError(f"{key} {contestant}: {error}")

    def on_phi(self, contestants: Mapping[str, str | None], phi: object) -> None:
        """Nothing is measured here."""

    def on_contestant_state(self, contestant: str, state: str, _detail: ErrorInfo | None) -> None:
        """Note who is ready."""
        if state == "ready":
            self.ready.add(contestant)
        self._look()

    def _look(self) -> None:
        if self._check():
            self.reactor.stop()


def _measure(sites: Sequence[_Site], payload: bytes, inputs: int) -> tuple[float, float]:
    """Median milliseconds to the answering score, and mean CPU milliseconds of all their processes for an input."""
    answering = sites[0]
    before_ns = sum(site.cpu_ns() for site in sites)
    took_ns = []
    for number in range(inputs):
        for site in sites:
            site.heard.clear()
        with SharedPayload(payload) as shared:
            began_ns = time.monotonic_ns()
            for site in sites:
                site.worker.submit(Job(key=number, payload=shared))
        answering.until(partial(answering.heard.__contains__, "primary"))
        took_ns.append(answering.heard["primary"] - began_ns)
        for site in sites:
            site.until_all_scored()
        answering.pause()
    return statistics.median(took_ns) / 1e6, (sum(site.cpu_ns() for site in sites) - before_ns) / inputs / 1e6
