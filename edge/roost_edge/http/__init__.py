"""HTTP/1.1 for the agent: a small server on its own loop, which knows nothing of what is asked.

- `server.py`: listens. `connection.py`: one connection's socket.
- `talk.py`: one connection's HTTP as bytes in and bytes out; `messages.py`: a request and a response.

What is asked by it, `roost_edge.intake.http` knows.
"""

from roost_edge.http.connection import HttpConnection
from roost_edge.http.messages import Head, Request, Response, refusal
from roost_edge.http.server import HttpServer

__all__ = [
    "Head",
    "HttpConnection",
    "HttpServer",
    "Request",
    "Response",
    "refusal",
]
