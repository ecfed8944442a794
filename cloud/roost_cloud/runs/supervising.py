"""A process of a job, watched: what it says, how long it takes, how much memory, and whether it says anything at all.

    supervised = Supervised(command, folder, limits, stopping)
    for line in supervised: ...
    supervised.ended

Wherever it runs, it is watched by this, on the same machine. It gets few of our environment's variables: none of them
a secret. It leads a session of its own, and whatever it started ends with it, `stragglers` too.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from roost_cloud.runs.executor import Ended, ExecutorError, Limits
from roost_cloud.runs.retrying import Cause
from roost_cloud.runs.stragglers import JOB_FOLDER, end_stragglers
from roost_cloud.runs.usage import disk_bytes_of, usage_of
from roost_cloud.training.lines import ErrorLine, Line, LogLine, MetricLine, decode_line

__all__ = ["Supervised", "environment_of"]

_LOOK_EVERY_S: Final = 0.1
_WEIGH_EVERY_S: Final = 2.0  # its folder
_GRACE_S: Final = 10.0  # from SIGTERM to SIGKILL
_LINE_BYTES: Final = 16 << 10  # of a line; what is behind is dropped
_READ_BYTES: Final = 64 << 10
_ERRORS_KEPT: Final = 3  # lines of its standard error that a crash is told by
_DONE: Final = 0
_IMPOSSIBLE: Final = 3
_OUT_OF_MEMORY: Final = "training.out_of_memory"
_PASSED_ON: Final = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "PYTHONUTF8", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
)
_PASSED_ON_PREFIXES: Final = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "CUDA_", "NVIDIA_")


def environment_of(environment: dict[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What of our environment a process gets; `more` is how other variables begin that it does.

    >>> environment_of({"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "OMP_NUM_THREADS": "2"})
    {'PATH': '/bin', 'OMP_NUM_THREADS': '2'}
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES + more)
    }


class Supervised:
    """A process, from its start to its end; its lines by iterating, once.

    Args:
        command: how it is started.
        folder: that it works in.
        limits: that it is held to.
        stopping: asked some times a second whether to end it.
        grace_s: that it has to end by itself when asked.
        passed_on: how variables of our environment begin that it gets beside the usual ones.

    Attributes:
        ended: how it did, after the last line.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        limits: Limits,
        stopping: Callable[[], bool],
        *,
        grace_s: float = _GRACE_S,
        passed_on: tuple[str, ...] = (),
    ) -> None:
        self.ended = Ended(how="crash", code="run.not_started")
        self._command = command
        self._folder = folder
        self._limits = limits
        self._stopping = stopping
        self._grace_s = grace_s
        self._passed_on = passed_on
        self._errors: deque[str] = deque(maxlen=_ERRORS_KEPT)
        self._said: ErrorLine | None = None
        self._fault: tuple[Cause, str, str] | None = None
        self._stop_asked_s: float | None = None
        self._began_s = self._heard_s = 0.0
        self._cpu_s = 0.0
        self._peak_bytes = 0
        self._disk_bytes = 0
        self._weighed_s = 0.0

    def __iter__(self) -> Iterator[Line]:
        """Start it, and give what it says until it has ended.

        Raises:
            ExecutorError: it cannot be started.
        """
        self._disk_bytes = disk_bytes_of(self._folder)
        try:
            process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**environment_of(dict(os.environ), self._passed_on), JOB_FOLDER: str(self._folder)},
                start_new_session=True,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise ExecutorError(f"{self._command[0]} cannot be started: {error}") from error
        self._began_s = self._heard_s = self._weighed_s = time.monotonic()
        with process:
            try:
                yield from self._watch(process)
            finally:
                _kill(process)
                self.ended = self._how(process.wait())
                end_stragglers(self._folder)

    def _watch(self, process: "subprocess.Popen[bytes]") -> Iterator[Line]:
        assert process.stdout is not None  # noqa: S101 - both are pipes
        assert process.stderr is not None  # noqa: S101
        with selectors.DefaultSelector() as selector:
            for pipe, read in ((process.stdout, self._line), (process.stderr, self._error_line)):
                selector.register(pipe, selectors.EVENT_READ, _Lines(pipe, read))
            while selector.get_map() and not self._has_ended(process):
                for key, _ in selector.select(_LOOK_EVERY_S):
                    lines = key.data.read()
                    if lines is None:
                        selector.unregister(key.fileobj)
                        continue
                    self._heard_s = time.monotonic()
                    yield from lines
                self._look(process)
            while not self._has_ended(process):  # it closed its output, and works on
                time.sleep(_LOOK_EVERY_S)
                self._look(process)
            yield from _rest(selector)

    def _has_ended(self, process: "subprocess.Popen[bytes]") -> bool:
        return process.poll() is not None

    def _look(self, process: "subprocess.Popen[bytes]") -> None:
        """Hold it to its limits."""
        now_s = time.monotonic()
        usage = usage_of(process.pid)
        self._cpu_s = max(self._cpu_s, usage.cpu_s)
        self._peak_bytes = max(self._peak_bytes, usage.own_bytes)
        limits = self._limits
        if usage.own_bytes > limits.memory_bytes:
            self._blame("memory", f"it took more than {limits.memory_bytes >> 20} MiB of memory")
        elif now_s - self._began_s > limits.wall_s:
            self._blame("time", f"it took longer than {limits.wall_s:g} s")
        elif now_s - self._heard_s > limits.silent_s:
            self._blame("hang", f"it said nothing for {limits.silent_s:g} s")
        elif self._has_filled_disk(now_s):
            self._blame("disk", f"it wrote more than {limits.disk_bytes >> 20} MiB")
        elif self._stop_asked_s is None and self._stopping():
            self._stop_asked_s = now_s
            _signal(process, signal.SIGTERM)
        asked_long_ago = self._stop_asked_s is not None and now_s - self._stop_asked_s > self._grace_s
        if self._fault is not None or asked_long_ago:
            _kill(process)

    def _has_filled_disk(self, now_s: float) -> bool:
        if now_s - self._weighed_s < _WEIGH_EVERY_S:
            return False
        self._weighed_s = now_s
        return disk_bytes_of(self._folder) - self._disk_bytes > self._limits.disk_bytes

    def _blame(self, cause: Cause, text: str) -> None:
        self._fault = self._fault or (cause, f"run.{cause}", text)

    def _line(self, data: bytes) -> Line:
        try:
            line = decode_line(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return LogLine(data.decode(errors="replace"))
        if isinstance(line, ErrorLine):
            self._said = line
        if isinstance(line, MetricLine) and line.value is None:
            self._blame("not_a_number", f"its figure {line.name!r} is not a number")
        return line

    def _error_line(self, data: bytes) -> Line:
        text = data.decode(errors="replace")
        self._errors.append(text.strip())
        return LogLine(text)

    def _how(self, code: int) -> Ended:
        wall_s = time.monotonic() - self._began_s
        ended = self._told(code)
        return msgspec.structs.replace(ended, wall_s=wall_s, cpu_s=self._cpu_s, peak_bytes=self._peak_bytes)

    def _told(self, code: int) -> Ended:
        if self._fault is not None:
            cause, fault, text = self._fault
            return Ended(how=cause, code=fault, text=text)
        if code == _DONE:
            return Ended(how="done")
        if self._stop_asked_s is not None:
            return Ended(how="stopped", code="run.stopped", text="it was stopped")
        if code == _IMPOSSIBLE and self._said is not None:
            how: Cause = "memory" if self._said.code == _OUT_OF_MEMORY else "impossible"
            return Ended(how=how, code=self._said.code, text=self._said.message)
        return Ended(how="crash", code="run.crash", text=self._crash(code))

    def _crash(self, code: int) -> str:
        how = f"exit status {code}"
        if code < 0:
            how = f"killed by signal {-code}"
            with contextlib.suppress(ValueError):
                how = f"killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += ", by the kernel for want of memory or by somebody"
        last = next((text for text in reversed(self._errors) if text), "")
        last = f"{self._said.code}: {self._said.message}" if self._said is not None else last
        return f"{how}: {last}" if last else how


class _Lines:
    """The lines of a pipe, as they come.

    Args:
        pipe: read without waiting, when there is something.
        make: of a line's bytes.
    """

    def __init__(self, pipe: IO[bytes], make: Callable[[bytes], Line]) -> None:
        self._pipe = pipe
        self._make = make
        self._begun = b""

    def read(self) -> list[Line] | None:
        """Whole lines of what is there; None: it has ended."""
        data = os.read(self._pipe.fileno(), _READ_BYTES)
        if not data:
            rest, self._begun = self._begun, b""
            return [self._make(rest)] if rest else None
        *whole, self._begun = (self._begun + data).split(b"\n")
        self._begun = self._begun[:_LINE_BYTES]
        return [self._make(one[:_LINE_BYTES]) for one in whole if one.strip()]


def _rest(selector: selectors.BaseSelector) -> Iterator[Line]:
    """What is still in the pipes of a process that has ended; whoever else holds them open is not waited for."""
    for key in list(selector.get_map().values()):
        while any(ready.fd == key.fd for ready, _ in selector.select(0)):
            lines = key.data.read()
            if lines is None:
                break
            yield from lines


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """To the whole session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    _signal(process, signal.SIGKILL)
