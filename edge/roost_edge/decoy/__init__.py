"""Records inputs exactly as models see them, with all that was said of them: which are kept, and how.

- `decision.py`: which, and with what probability. Pure. `config.py`: what agent.toml says of that.
- `decoy.py`: sees every request that was answered (`answered.py`), and has inputs kept. `witness.py` tells the cloud
  of them; `acknowledgements.py`: when whoever sent them hears.
- `capture.py`: these, the spooler and the way of records to the cloud, put together.
- `interface.py`: who keeps them, as the decoy sees it: `roost_edge.spooler`.
"""
