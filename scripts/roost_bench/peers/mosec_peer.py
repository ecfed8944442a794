"""Mosec with one worker: `MODEL=… BATCH=… mosec_peer --port PORT`; the command line is its own to read."""

import os
from typing import Any

from mosec import Server, Worker  # type: ignore[import-not-found]  # of the peers' environment

from scripts.roost_bench.peers.model import PeerModel

BATCH = int(os.environ["BATCH"])
MAX_WAIT_MS = 1  # of a batch that is not full


class Scorer(Worker):  # type: ignore[misc]  # see above
    """The model."""

    def __init__(self) -> None:
        self._model = PeerModel(os.environ["MODEL"])

    def deserialize(self, data: bytes) -> Any:
        """The body as it is."""
        return data

    def forward(self, data: Any) -> Any:
        """Score one or many."""
        if BATCH == 1:
            return self._model(data)
        return self._model.run([self._model.prepare(payload) for payload in data])


if __name__ == "__main__":
    server = Server()
    server.append_worker(Scorer, num=1, max_batch_size=BATCH, max_wait_time=MAX_WAIT_MS if BATCH > 1 else 0)
    server.run()
