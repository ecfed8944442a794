"""What `roost-agent status` tells.

- `server.py`: a socket in the state folder, and who reads it.
- `task.py`: a task's part of the document.
- `summary.py`: the document for people.
"""
