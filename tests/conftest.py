"""Long runs are for those who ask for them; what the cloud logs in this process goes where pytest looks.

NumPy gets one thread, here and in the programs that tests start, as workers have it anyway: on matrices as small as
these its threads spin for one another, and to fit the demo's networks took 14 times the processor's time.

What is compiled is kept, whatever the environment says: else each of hundreds of processes compiles Roost anew, with
which an agent takes twice as long to start, and each process of pytest rewrites every test.
"""

import gc
import itertools
import os
import signal
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType

import pytest
import structlog
from _pytest.doctest import DoctestModule

from tests.support.dealing import deal

SERVED = {"integration", "faults", "browser"}  # folders of tests that start programs and servers
DEFAULT_TIMEOUT_S = 120.0  # as pyproject.toml has it


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, _end)
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # begun in the background: what we start would ignore it, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _end(number: int, _frame: FrameType | None) -> None:
    """End in order: what tests have started, ends with us. By itself SIGTERM leaves servers and agents behind."""
    signal.signal(number, signal.SIG_DFL)  # asked again, at once
    pytest.exit("told to end by SIGTERM", returncode=128 + number)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="also run what is marked `campaign`, which takes long")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Most files hold no doctests, and to import one and look for some takes as long as to read all tests of it."""
    found = yield
    if not any(isinstance(each, DoctestModule) for each in found) or ">>>" in file_path.read_text(encoding="utf-8"):
        return found
    return [each for each in found if not isinstance(each, DoctestModule)]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is there after it stays to the end: the garbage collector need not go through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("campaign"):
        for item in items:
            if item.get_closest_marker("campaign"):
                item.add_marker(pytest.mark.skip(reason="a long run: --campaign"))
    if (processes := getattr(config, "workerinput", {}).get("workercount", 1)) > 1:
        modules = [list(module) for _, module in itertools.groupby(items, key=lambda item: item.path)]
        items[:] = deal(modules, processes, seconds=_seconds)


def _seconds(module: Sequence[pytest.Item]) -> float:
    """How long a module takes at most: as long as one of its tests may take. Tests that start nothing take no time."""
    if not SERVED.intersection(module[0].path.parts):
        return 0
    marks = [mark for test in module if not test.get_closest_marker("skip") for mark in test.iter_markers("timeout")]
    return max([DEFAULT_TIMEOUT_S, *(float(mark.args[0]) for mark in marks)])
