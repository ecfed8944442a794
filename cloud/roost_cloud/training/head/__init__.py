"""The trainer `head`: the base stays as it is, and its last layer is refitted with few labels.

- `trainer` puts it together; `settings`: what a person may say to it.
- `anatomy` takes the incumbent apart, `embedding` runs its base on the inputs, `data` arranges what came of that.
- `objective` is what a head minimises; `choosing` the strength of its tie to the incumbent; `calibration` how sure it
  may be; `self_training` what unlabelled inputs add; `refit` goes through them and says which head it shall be.
- `writing` makes the bundle, `drift_reference` the part of it that says how its inputs looked.

SciPy and numpy are loaded with it, and so by nobody but the process that trains.
"""

from roost_cloud.training.head.trainer import HeadTrainer

__all__ = ["HeadTrainer"]
