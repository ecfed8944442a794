"""Datasets: which samples with which labels, weights and parts a model is made and judged by, fixed by digest.

- `snapshot.py`: the document; `judged.py`: its test part, as the gate gets it.

Pure:

- `pooled.py`: an input that may become part of a snapshot, and what becomes of those with the same bytes.
- `splitting.py`: which devices, or stretches of time, are for training and which for judging.
- `choosing.py`: from a pool to a snapshot.

Around them:

- `reading.py`: the pool, in one view of the database; `references.py`: the incumbent's reference set.
- `making.py`: a snapshot made and stored; `store.py`: those that are there, and how long their samples stay.
- `materialising.py`: a snapshot's inputs as files for a trainer, and for the gate.

A label that changes changes no snapshot. The inputs are not copied: a snapshot holds on to its samples for a while
(`store.hold`), after which they expire as others do, for whoever set a retention meant it; what is gone is named when
somebody wants it as a file.
"""
