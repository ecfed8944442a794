"""A scorer without a model, in a process of its own: `python -m scripts.roost_bench.bare_scorer HOST PORT`."""

import signal
import sys

from tests.support.fake_scorer import FakeScorer


def main() -> None:
    """Answer every question at once until terminated."""
    host, port = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with FakeScorer(int(port), host=host):
        signal.pause()


if __name__ == "__main__":
    main()
