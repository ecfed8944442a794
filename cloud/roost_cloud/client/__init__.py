"""The cloud's API as programs on other machines use it, the `roost` command above all.

- `api_client.py`: one cloud, asked as one person or program: paths, queries, pages, what the answers are.
- `exchange.py`: one request over HTTP and its answer, with time-outs and retries; why none came is in `errors.py`.
- `root.py`: the cloud's root certificate, believed by its fingerprint.
"""

from roost_cloud.client.api_client import ApiClient, Page
from roost_cloud.client.errors import ApiAnswerError, ApiUnreachableError, CaMismatchError, RemoteError
from roost_cloud.client.exchange import API, Reply, refusal
from roost_cloud.client.root import fetch_root

__all__ = [
    "API",
    "ApiAnswerError",
    "ApiClient",
    "ApiUnreachableError",
    "CaMismatchError",
    "Page",
    "RemoteError",
    "Reply",
    "fetch_root",
    "refusal",
]
