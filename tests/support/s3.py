"""S3 over real HTTP on a free port: moto's server, in threads of this process."""

from http import HTTPStatus

import urllib3
from moto.server import ThreadedMotoServer

__all__ = ["BUCKET", "S3Server"]

BUCKET = "roost"


class S3Server:
    """Speaks S3 and keeps everything in memory. It checks no signatures."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)

    @property
    def port(self) -> int:
        return self._server.get_host_and_port()[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def empty(self) -> None:
        """Forget all that is kept, and make one bucket."""
        assert urllib3.request("POST", f"{self.endpoint}/moto-api/reset").status == HTTPStatus.OK
        assert urllib3.request("PUT", f"{self.endpoint}/{BUCKET}").status == HTTPStatus.OK

    def url(self, bucket: str = BUCKET) -> str:
        return f"s3://{bucket}/some/prefix?endpoint={self.endpoint}&region=us-east-1"
