"""LitServe with its defaults and one worker: `litserve_peer PORT MODEL`. It takes JSON, so pictures come in base64."""

import base64
import sys
from typing import Any

import litserve  # type: ignore[import-not-found]  # of the peers' environment

from scripts.roost_bench.peers.model import PeerModel


class Scorer(litserve.LitAPI):  # type: ignore[misc]  # see above
    """The model."""

    def setup(self, device: str) -> None:
        """Load it."""
        del device
        self._model = PeerModel(sys.argv[2])

    def decode_request(self, request: dict[str, Any]) -> bytes:
        """The picture."""
        return base64.b64decode(request["payload"])

    def predict(self, payload: bytes) -> dict[str, Any]:
        """Score it."""
        score: dict[str, Any] = self._model(payload)
        return score

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """The score as it is."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Scorer(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False, log_level="warning"
    )
