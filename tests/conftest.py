"""Long runs are for those who ask for them; what the cloud logs in this process goes where pytest looks.

NumPy gets one thread, here and in the programs that tests start, as workers have it anyway: on matrices as small as
these its threads spin for one another, and to fit the demo's networks took 14 times the processor's time.
"""

import os

import pytest
import structlog


def pytest_configure() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="also run what is marked `campaign`, which takes long")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("campaign"):
        for item in items:
            if item.get_closest_marker("campaign"):
                item.add_marker(pytest.mark.skip(reason="a long run: --campaign"))
