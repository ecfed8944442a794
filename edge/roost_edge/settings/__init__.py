"""agent.toml: read once at start, checked whole, passed in.

- `config.py`: what may be said.
- `loading.py`: how it is read, from the file, the environment and the command line.
- `checks.py`: what no single setting's type tells.
- `unsigned.py`: whether bundles from a folder may run.
- `listen_address.py`: where to listen, and who reaches it.
"""
