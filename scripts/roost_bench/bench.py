"""What a bench is: a module in `scripts/roost_bench/benches` with the four names of the `Bench` protocol.

```python
GOALS = (Goal("overhead_ms.p50", at_most=0.5, unit="ms"),)
COMPARED_WITH = "an MQTT echo through a bare responder + decode + preprocess + bare invoke, in the same run"


def run(options: Options) -> Result: ...
```
The module's name is the bench's name, with `_` for `-`; its docstring's first line says what it measures. `run`
returns what goes under that name into the JSON file. A result may hold `limited_by`: one line on what stands in the
way of a missed goal.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from scripts.roost_bench import benches

__all__ = ["Bench", "Goal", "Measured", "Options", "Result", "bench_names", "load_bench"]

Result = Mapping[str, Any]
Measured = Result | Sequence[Result]  # a list, where the same was measured under several conditions


@dataclass(frozen=True)
class Options:
    """What the command line asks of every bench.

    Attributes:
        quick: fewer repetitions: shows that the bench works, proves no figure.
        data: the folder of real inputs and models, None where it is absent.
        rows: how many rows the tables of `ingest` are filled with; None: its own default.
    """

    quick: bool
    data: Path | None
    rows: int | None = None


@dataclass(frozen=True)
class Goal:
    """A bound one figure of a result shall keep.

    Attributes:
        figure: dotted path into the result, e.g. `overhead_ms.p50`; in a list, a number counts from 0.
        at_most: upper bound, inclusive, or None.
        at_least: lower bound, inclusive, or None.
        unit: of the figure, empty for a ratio or a count.
    """

    figure: str
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    def value(self, result: Measured) -> float | None:
        """The figure, None where the result says it could not be measured.

        Raises:
            LookupError: the result has no such figure.
        """
        found: Any = result
        for key in self.figure.split("."):
            found = found[int(key) if isinstance(found, Sequence) else key]
        return None if found is None else float(found)

    def is_met(self, value: float) -> bool:
        """Whether `value` keeps the bounds."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    def __str__(self) -> str:
        """The bounds as people write them: `≤ 0.5 ms`."""
        bounds = [f"≤ {self.at_most:g}"] if self.at_most is not None else []
        bounds += [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        return " ".join([*bounds, self.unit]).strip()


class Bench(Protocol):
    """A module of `benches`."""

    __doc__: str | None
    GOALS: tuple[Goal, ...]
    COMPARED_WITH: str

    def run(self, options: Options) -> Measured:
        """Measure; see the module's docstring."""
        ...


def bench_names() -> list[str]:
    """Names of all benches, in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(benches.__path__))


def load_bench(name: str) -> Bench:
    """Import the bench `name`, one of `bench_names()`."""
    return cast("Bench", importlib.import_module(f"{benches.__name__}.{name.replace('-', '_')}"))
