"""What a switch to another bundle costs the answers, under steady load: lost, late, and slower."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost_shared.assignment import Trial
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.answer import MODEL, photo
from scripts.roost_bench.install_site import InstallSite, Measured

GOALS = (
    Goal("lost", at_most=0),
    Goal("late", at_most=0),
    Goal("p99_ratio", at_most=1.2),
)
COMPARED_WITH = (
    "the same device between two switches, in the same run: MobileNetV2 at 10 photos a second, the answer's time from "
    "when its input was due; a switch loads another worker, has it score 20 inputs as a shadow, swaps, and has what "
    "answered before score 20. The agent's desk, follower and workers; an installer that has it all on its disk"
)

EVERY_MS: Final = 100.0
STEADY_S: Final = 4.0
SWITCHES: Final = 100
TRIAL: Final = Trial(shadow_inputs=20, shadow_s=30, watch_inputs=20, watch_s=30)
FIRST: Final = Trial(shadow_inputs=0, watch_inputs=0)


def run(options: Options) -> Result:
    """Switch to and fro between two versions of one model."""
    if options.data is None:
        missing = dict.fromkeys(("lost", "late", "p99_ratio"))
        return {**missing, "limited_by": "../shared/data is absent"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundles = [_bundle(folder, options.data, version) for version in ("1", "2")]
        payload = photo(options.data / "photos" / "parrot.jpg")
        (folder / "state").mkdir()
        site = InstallSite(folder / "state", payload, EVERY_MS)
        switches, refused = 3 if options.quick else SWITCHES, 0
        with site.running():
            site.switch(bundles[0], FIRST)
            site.feed()
            site.wait(1)
            warm = len(site.measured)
            for number in range(switches):
                site.wait(1 if options.quick else STEADY_S)
                site.switch(bundles[1 - number % 2], TRIAL)
                refused += site.problem is not None
            site.starve()
    return {**_figures(site.measured[warm:]), "switches": switches, "refused": refused}


def _bundle(folder: Path, data: Path, version: str) -> Bundle:
    labels = (data / "models" / "imagenet_labels.txt").read_text().splitlines()
    model = data / "models" / MODEL
    return build_bundle(
        {"model": model.read_bytes()}, folder / version, name="photos", version=version, labels=labels
    ).bundle


def _figures(measured: Sequence[Measured]) -> Result:
    steady = [one.took_ms for one in measured if one.phase == "idle"]
    switching = [one.took_ms for one in measured if one.phase != "idle"]
    phases = {
        phase: [one.took_ms for one in measured if one.phase == phase]
        for phase in ("starting", "shadowing", "watching")
    }
    return {
        "lost": sum(one.lost for one in measured),
        "late": sum(one.late for one in measured),
        "p99_ratio": _quantile(switching, 99) / _quantile(steady, 99),
        "p50_ratio": _quantile(switching, 50) / _quantile(steady, 50),
        "steady_ms": _ms(steady),
        "switching_ms": _ms(switching),
        "phases_ms": {phase: _ms(took) for phase, took in phases.items()},
    }


def _ms(took: Sequence[float]) -> Result:
    return {"p50": _quantile(took, 50), "p99": _quantile(took, 99), "inputs": len(took)}


def _quantile(took: Sequence[float], percent: int) -> float:
    return statistics.quantiles(took, n=100, method="inclusive")[percent - 1]
