"""What a scorer counts, for Prometheus."""

from collections import Counter

import prometheus_client

__all__ = ["Figures"]

_SECONDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_SIZES = (1, 2, 4, 8, 16, 32)


class Figures:
    """A scorer's numbers.

    Args:
        metrics: where they are registered.

    Attributes:
        metrics: as given.
        outcomes: contestants' scores and, by code, failures; probes; by code, what was no question; since the start.
    """

    def __init__(self, metrics: prometheus_client.CollectorRegistry) -> None:
        self.outcomes: Counter[str] = Counter()
        self.metrics = metrics
        self._questions = prometheus_client.Counter(
            "roost_scorer_questions", "Questions by what became of them, for each contestant.", ["outcome"],
            registry=metrics,
        )  # fmt: skip
        self._loads = prometheus_client.Counter(
            "roost_scorer_loads", "Attempts to load a bundle.", ["outcome"], registry=metrics
        )
        self._batch = prometheus_client.Histogram(
            "roost_scorer_batch_size", "Inputs run together.", buckets=_SIZES, registry=metrics
        )
        seconds = prometheus_client.Histogram(
            "roost_scorer_seconds",
            "Time a batch takes: waiting (its oldest question), preparing, running.",
            ["stage"],
            buckets=_SECONDS,
            registry=metrics,
        )
        self._waited, self._prepared, self._ran = (seconds.labels(stage) for stage in ("wait", "prepare", "run"))
        self.waiting = prometheus_client.Gauge("roost_scorer_waiting", "Questions that wait.", registry=metrics)
        self.bundles = prometheus_client.Gauge("roost_scorer_bundles", "Bundles loaded.", registry=metrics)

    def count(self, outcome: str, number: int = 1) -> None:
        """Count what became of questions; called by one thread at a time."""
        self.outcomes[outcome] += number
        self._questions.labels(outcome).inc(number)

    def loaded(self, outcome: str) -> None:
        """Count an attempt to load."""
        self._loads.labels(outcome).inc()

    def batch(self, size: int, *, waited_ns: int, prepared_ns: int, ran_ns: int) -> None:
        """Note a batch; times in nanoseconds."""
        self._batch.observe(size)
        self._waited.observe(waited_ns / 1e9)
        self._prepared.observe(prepared_ns / 1e9)
        self._ran.observe(ran_ns / 1e9)
