"""Whether the world has changed since a device was commissioned.

- `decisions.py`: a device's windows, merged to decisions of a fixed number of inputs
- `test.py`: a device's φ against its own commissioning windows (input drift), by `scatter.py`, the common measure
- `labels.py`: what contestants say, against what they said then (label mix)
- `models.py`: how sure they are; a model that drifts told from inputs that do
- `rate.py`: how often inputs come
- `chi_square.py`, `counts.py`: what those of counts share
- `budget.py`: from false alarms a week to a threshold's share, and when enough decisions exceed it
- `calibration.py`: the threshold at which the recorded weeks keep that budget
- `measures.py`: the four kinds behind one face
- `thresholds.py`: from budget and record to a threshold, and by which way
- `fleet.py`: a device or a cohort against the others, which is shown only; how often chance goes as far, by
  `f_distribution.py`
- `steadiness.py`: whether something changed while devices were commissioned, which is said only
- `explanation.py`: which statistic moved, and how far

All of these are pure; `recorded.py` lists windows from the database, for the API. Who judges by them is
`roost_cloud.monitor`.

A device is judged against itself; the scatter between windows, pooled over all devices, is the measure (DESIGN.md,
section 9). Windows come from `roost_cloud.ingest`, what is in them from `roost_shared.sketches`.
"""
