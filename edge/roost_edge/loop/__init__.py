"""The loop that answers: one thread that waits for sockets and moments, and never for anything else.

- `reactor.py`: the loop.
- `timers.py`: several moments of one owner.
- `socket_watch.py`: a socket whose reading and writing are watched apart.
- `errands.py`: what may block, in a thread of its own; its result comes back to the loop.
"""
