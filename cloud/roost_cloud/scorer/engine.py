"""A bundle loaded to score many questions: it proves itself when it is loaded, and knows how quick it is."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from roost_cloud.scorer.fair_queue import Job
from roost_cloud.scorer.input_size import input_size
from roost_shared.bundle import Bundle
from roost_shared.bundle.golden import GoldenVector, decode_golden
from roost_shared.clock import MS, SECOND
from roost_shared.errors import RoostError
from roost_shared.pipeline import Features, Pipeline, Scored
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import ModelRunError

__all__ = ["Engine", "Outcome", "load_engine"]

Outcome = Scored | RoostError

_TRIALS: Final = 5
_QUICK_NS: Final = 2 * MS  # an answer that takes no longer may be worked out where the socket is read
_SLOW_NS: Final = 20 * MS  # one that took so long shows that it was not quick after all
_PENANCE_NS: Final = 60 * SECOND
_FAR: Final = 1e-3  # how far a batch may be from single runs, relative


class Engine:
    """A loaded bundle. Its numbers are written under its user's lock.

    Args:
        bundle: opened.
        pipeline: the same, loaded.
        at_once: threads that may run it at a time.
        batches: whether inputs run faster together.
        expected_ns: what one input takes, measured.

    Attributes:
        reference: as scores carry it.
        ram_bytes: as the bundle says it needs.
        running: threads that run it now.
    """

    def __init__(self, bundle: Bundle, pipeline: Pipeline, *, at_once: int, batches: bool, expected_ns: int) -> None:
        self.digest = bundle.digest
        self.reference = bundle.reference
        self.ram_bytes = bundle.config.runtime.ram_bytes
        self.input = input_size(bundle.config.preprocessing)
        self.at_once = at_once
        self.running = 0
        self.expected_ns = expected_ns
        self._pipeline = pipeline
        self._batches = batches
        self._slow_until_ns = 0

    def is_quick(self, now_ns: int) -> bool:
        """Whether a question is answered so fast that handing it to another thread would not be worth it."""
        return self.expected_ns <= _QUICK_NS and now_ns >= self._slow_until_ns

    def took(self, elapsed_ns: int, count: int, now_ns: int) -> None:
        """Learn what `count` inputs together took."""
        each_ns = max(1, elapsed_ns // count)
        self.expected_ns = max(1, self.expected_ns + (each_ns - self.expected_ns) // 16)
        if each_ns > _SLOW_NS:
            self._slow_until_ns = now_ns + _PENANCE_NS

    def prepare(self, job: Job) -> Features | RoostError:
        """Decode and preprocess one input."""
        question = job.asked.question
        try:
            return self._pipeline.base.prepare(
                question.payload, content_type=question.content_type, inject=question.inject or {}
            )
        except RoostError as error:
            return error

    def run(self, prepared: Sequence[Features]) -> list[Outcome]:
        """Score inputs, together where that is faster; one that fails alone fails alone."""
        if len(prepared) > 1 and self._batches:
            try:
                outputs = self._pipeline.run(prepared)
            except ModelRunError:
                return [self._run_one(tensors) for tensors in prepared]
            return [self._read(tensors) for tensors in outputs]
        return [self._run_one(tensors) for tensors in prepared]

    def _run_one(self, tensors: Features) -> Outcome:
        try:
            (outputs,) = self._pipeline.run([tensors])
        except ModelRunError as error:
            return error
        return self._read(outputs)

    def _read(self, outputs: Features) -> Outcome:
        try:
            return self._pipeline.head.read(outputs)
        except RoostError as error:
            return error


def load_engine(bundle: Bundle, threads: int) -> Engine:
    """Load a bundle by the best runtime that reproduces its golden vectors: ONNX Runtime's first, where it has a twin.

    Args:
        bundle: opened.
        threads: that there are to run it.

    Raises:
        RoostError: none does; says why the last one tried does not.
    """
    config = bundle.config
    vector = decode_golden(bundle.golden_path, config.golden)[0]
    # Only ONNX Runtime's sessions take several threads at a time.
    if "onnxruntime" in config.runtime.runtimes and config.stages_in("onnx"):
        try:
            pipeline = _proven(bundle, RuntimeSettings(name="onnxruntime"))
        except RoostError:
            if not config.stages_in("tflite"):
                raise
        else:
            batches = _batches_well(pipeline, vector)
            return Engine(bundle, pipeline, at_once=threads, batches=batches, expected_ns=_time_one(pipeline, vector))
    pipeline, expected_ns = _proven_by_litert(bundle, vector, threads)
    return Engine(bundle, pipeline, at_once=1, batches=False, expected_ns=expected_ns)


def _proven(bundle: Bundle, settings: RuntimeSettings) -> Pipeline:
    pipeline = Pipeline.load(bundle, settings)
    pipeline.check_golden()
    return pipeline


def _proven_by_litert(bundle: Bundle, vector: GoldenVector, threads: int) -> tuple[Pipeline, int]:
    """On one thread, or on all where that is faster; and the nanoseconds one input takes."""
    one = _proven(bundle, RuntimeSettings())
    expected_ns = _time_one(one, vector)
    if threads > 1 and expected_ns > _QUICK_NS:
        all_of_them = _proven(bundle, RuntimeSettings(threads=threads))
        together_ns = _time_one(all_of_them, vector)
        if together_ns < expected_ns:
            return all_of_them, together_ns
    return one, expected_ns


def _time_one(pipeline: Pipeline, vector: GoldenVector) -> int:
    """Nanoseconds that one input takes, the best of some."""
    took_ns = []
    for _ in range(_TRIALS):
        began_ns = time.perf_counter_ns()
        pipeline.score(vector.payload, inject=vector.inject)
        took_ns.append(time.perf_counter_ns() - began_ns)
    return min(took_ns)


def _batches_well(pipeline: Pipeline, vector: GoldenVector) -> bool:
    """Whether two inputs at once give what each gives alone: a graph may promise it and then flatten them into one."""
    if not pipeline.batches:
        return False
    features = pipeline.base.prepare(vector.payload, inject=vector.inject)
    (alone,) = pipeline.run([features])
    try:
        pair = pipeline.run([features, features])
    except ModelRunError:
        return False
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=_FAR, atol=_FAR)
        for outputs in pair
        for one, other in zip(outputs, alone, strict=True)
    )
