"""Where inputs, contestants and answers meet: from an `Input` to its one answer, and to the last late score.

- `desk.py`: the thin shell around the rendezvous: carries inputs in, and out what was decided.
- `open_request.py`: what it keeps of a request between its input and its close.
- `answerer.py`: where every answer leaves, and every input is settled.
- `backlog_queue.py`: when it is the turn of what waited at the broker. Pure.
"""

from roost_edge.desk.desk import Desk

__all__ = ["Desk"]
