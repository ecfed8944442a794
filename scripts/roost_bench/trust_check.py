"""A device's check of what is released, as a process of its own: prints what it cost, as JSON.

python -m scripts.roost_bench.trust_check ROOT FOLDER URL TOKEN TASK NAME VERSION
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_BEGUN_NS = time.perf_counter_ns()

import urllib3  # noqa: E402 - imports are a part of the cost

from roost_shared.trust import HttpFetcher, TrustClient  # noqa: E402 - the same

_IMPORTED_NS = time.perf_counter_ns()


class CountingFetcher(HttpFetcher):
    """Notes what it is asked for.

    Attributes:
        urls: in order.
    """

    def __init__(self, pool: urllib3.PoolManager, token: str) -> None:
        super().__init__(pool, lambda: {"Authorization": f"Bearer {token}"})
        self.urls: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.urls.append(url)
        return super()._fetch(url)


def main() -> None:
    """Check once, then fetch bare what it fetched."""
    root, folder, url, token, task, name, version = sys.argv[1:]
    pool = urllib3.PoolManager()
    fetcher = CountingFetcher(pool, token)
    client = TrustClient(Path(root).read_bytes(), tenant="acme", folder=Path(folder), base_url=url, fetcher=fetcher)
    begun_ns = time.perf_counter_ns()
    client.refresh()
    client.verify_manifest(task, name, version)
    ended_ns = time.perf_counter_ns()
    requests = list(fetcher.urls)
    peak_mb = _peak_mb()
    for asked in requests:
        pool.request("GET", asked, headers={"Authorization": f"Bearer {token}"})
    bare_ns = time.perf_counter_ns() - ended_ns
    print(
        json.dumps(
            {
                "import_ms": (_IMPORTED_NS - _BEGUN_NS) / 1e6,
                "check_ms": (ended_ns - begun_ns) / 1e6,
                "bare_ms": bare_ns / 1e6,
                "peak_mb": peak_mb,
                "requests": len(requests),
            }
        )
    )


def _peak_mb() -> float:
    """The most memory this program had; `ru_maxrss` would count the one that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
