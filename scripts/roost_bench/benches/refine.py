"""Few labels of meters that a model does not know: a refitted head beside nothing, plain regression and fine-tuning.

Bases are trained on all families of meter photos but five; 10, 20 and 50 photos of those five are labelled, and others
of them, and of the known families, are read. λ and temperature are chosen without the photos that are read. There are
no device ids in these data, so that photos of one meter may lie on both sides of a split. What was measured is kept in
the folder for temporary files, so that a run that was cut short goes on where it was.
"""

import hashlib
import json
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.durable import write_durably
from scripts.roost_bench.bench import Goal, Measured, Options

GOALS = (
    Goal("1.diff_low", at_least=-0.015),  # at 20 labels, to full fine-tuning
    Goal("1.gain_low", at_least=0.0),  # at 20 labels, over no refinement
    Goal("1.old_loss", at_most=0.005),
    Goal("1.cpu_s", at_most=10, unit="s"),
)
COMPARED_WITH = (
    "the base as it is, scikit-learn's logistic regression on the same embeddings, and training of the whole network"
    " with the same labels"
)

_LABELS: Final = (10, 20, 50)
_BASES: Final = 5
_SPLITS: Final = 10
_PROCESSES: Final = 2
_Z: Final = 1.96

Figures = Mapping[str, float]


def run(options: Options) -> Measured:
    """Measure; list of one entry for each number of labels."""
    if options.data is None or find_spec("torch") is None:  # an extra, some gigabytes
        return [_nothing(labels) for labels in _LABELS]
    folder = _folder()
    bases, splits = (2, 2) if options.quick else (_BASES, _SPLITS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool:
        rows = [*pool.map(_measure_base, [(options.data, folder, seed, splits) for seed in range(bases)])]
    return [_summary(labels, [row[str(labels)] for row in rows]) for labels in _LABELS]


def _folder() -> Path:
    """Where what was measured is kept, by the code that measures it."""
    here = Path(__file__).parents[1]
    code = b"".join(
        path.read_bytes()
        for path in sorted([*here.glob("refine_*.py"), *here.parents[1].glob("cloud/roost_cloud/training/**/*.py")])
    )
    folder = Path(tempfile.gettempdir()) / f"roost-bench-refine-{hashlib.sha256(code).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _measure_base(asked: tuple[Path, Path, int, int]) -> dict[str, list[Figures]]:
    """What was measured with a base, by the number of labels; in a process of its own."""
    from roost_cloud.training.torch.library import load_torch  # noqa: PLC0415 - takes seconds, and only this needs it
    from scripts.roost_bench.refine_bases import train_base  # noqa: PLC0415 - see above
    from scripts.roost_bench.refine_variants import Bench, measure, measure_process, open_base  # noqa: PLC0415
    from scripts.roost_bench.refine_world import read_world  # noqa: PLC0415 - see above

    data, folder, seed, splits = asked
    bench = Bench(load_torch(), read_world(data))
    base = train_base(bench.torch, bench.world, seed, folder)
    opened = open_base(bench.world, base, folder / f"job-{seed}")
    found: dict[str, list[Figures]] = {}
    for labels in _LABELS:
        rows = found[str(labels)] = []
        for split in range(splits):
            kept = folder / f"{seed}-{split}-{labels}.json"
            if not kept.exists():
                figures = measure(bench, opened, split, labels)
                if split == 0:
                    figures |= measure_process(bench.world, opened, split, labels)
                write_durably(kept, json.dumps(figures).encode())
            rows.append(json.loads(kept.read_bytes()))
    return found


def _summary(labels: int, by_base: Sequence[Sequence[Figures]]) -> dict[str, Any]:
    """Means over all draws, with intervals of paired differences."""
    rows = [row for base in by_base for row in base]

    def values(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in rows if name in row])

    def mean(name: str) -> float:
        return round(float(values(name).mean()), 4)

    to_finetune, gain = values("ours_new") - values("finetune_new"), values("ours_new") - values("none_new")
    ways = ("none", "plain", "ours", "self", "finetune")
    by_way = {f"{way}_{world}": mean(f"{way}_{world}") for way in ways for world in ("new", "old")}
    return {
        "labels": labels,
        "new": by_way.pop("ours_new"),
        "old": by_way.pop("ours_old"),
        **by_way,
        **_interval("diff", to_finetune, len(by_base)),
        **_interval("gain", gain, len(by_base)),
        **_interval("self_gain", values("self_new") - values("ours_new"), len(by_base)),
        "old_loss": round(mean("none_old") - mean("ours_old"), 4),
        "ece_before": mean("none_ece"),
        "ece_after": mean("ours_ece"),
        "refitted": mean("ours_wins"),
        "self_trained": mean("self_taught"),
        "cpu_s": round(float(values("cpu_s").max()), 2),
        "finetune_cpu_s": mean("finetune_cpu_s"),
        "peak_memory_mb": round(float(values("peak_memory_bytes").max()) / 1e6, 1),
        "bases": len(by_base),
        "draws": len(rows),
    }


def _interval(name: str, differences: NDArray[np.float64], bases: int) -> dict[str, float]:
    """The mean of paired differences with its 95 % interval over draws; and, wider, over bases."""
    from scipy.stats import t  # noqa: PLC0415 - takes a while to load

    mean, count = float(differences.mean()), len(differences)
    half = _Z * float(differences.std(ddof=1)) / count**0.5
    means = differences.reshape(bases, -1).mean(axis=1)
    wide = float(t.ppf(0.975, bases - 1)) * float(means.std(ddof=1)) / bases**0.5
    figures = {"": mean, "_low": mean - half, "_high": mean + half, "_low_by_base": mean - wide}
    return {f"{name}{end}": round(value, 4) for end, value in figures.items()}


def _nothing(labels: int) -> dict[str, Any]:
    names = ("none_new", "new", "old", "finetune_new", "finetune_old", "diff_low", "diff_high", "gain_low", "old_loss")
    return {"labels": labels, **dict.fromkeys((*names, "cpu_s"))}
