"""φ: the few statistics of an input by which it is told whether the world still looks as it did.

- `kinds.py`: which φ there are, and what their statistics are called (no numpy: device, cloud and people read it)
- `choice.py`: which φ a bundle has
- `image.py`, `tensor.py`, `embedding.py`: measure one, on the tensor the model sees, or on what its base makes of it
- `vector.py`: what was measured of one input, on its way to the agent
- `budget.py`: how often it is measured, so that it stays within 3 % of what inference takes

Who runs them is the worker's business (`roost_edge.workers`), their means over a window `roost_shared.sketches`'s, and
what it means when these move `roost_cloud.drift`'s.
"""

from roost_shared.phi.kinds import EMBEDDING, IMAGE, KINDS, TENSOR, PhiKind

__all__ = ["EMBEDDING", "IMAGE", "KINDS", "TENSOR", "PhiKind"]
