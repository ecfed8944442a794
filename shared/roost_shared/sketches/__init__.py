"""What a device says of a stretch of requests in a few bytes: sketches that are updated, merged and sent.

Every sketch keeps the same laws: `merge` changes neither side, gives a new one, does not mind order or grouping, and
is what updating one sketch with everything gives; `from_bytes` reads back what `to_bytes` wrote and refuses all else;
its size has a bound that no input exceeds.

- `moments.py`: count, mean and mean of squares of a feature vector φ (`roost_shared.phi` measures it)
- `labels.py`: how often each label was said
- `histograms.py`: confidence and latency, in logarithmic bins
- `reasons.py`: answers by reason
- `disagreements.py`: how often each other contestant said something else
- `slot_counts.py`, `varints.py`: what those of counts share: a fixed number of counts, and their bytes

Loaded by the agent's own process: no numpy. When a window ends and where it goes is the monitor's business
(`roost_edge.monitor`), what it means the cloud's (`roost_cloud.drift`).
"""

from collections.abc import Mapping
from typing import Final

from roost_shared.sketches.disagreements import Disagreements
from roost_shared.sketches.errors import SketchError, UnlikeSketchesError, UnmeasurableError
from roost_shared.sketches.histograms import ConfidenceHistogram, LatencyHistogram
from roost_shared.sketches.labels import LabelCounts, LabelSpace
from roost_shared.sketches.moments import Moments
from roost_shared.sketches.reasons import ReasonCounts

__all__ = [
    "SKETCHES",
    "ConfidenceHistogram",
    "Disagreements",
    "LabelCounts",
    "LabelSpace",
    "LatencyHistogram",
    "Moments",
    "ReasonCounts",
    "SketchError",
    "UnlikeSketchesError",
    "UnmeasurableError",
]

SKETCHES: Final[
    Mapping[str, type[Moments | LabelCounts | ConfidenceHistogram | LatencyHistogram | ReasonCounts | Disagreements]]
] = {
    "phi": Moments,
    "labels": LabelCounts,
    "confidence": ConfidenceHistogram,
    "latency": LatencyHistogram,
    "reasons": ReasonCounts,
    "disagreements": Disagreements,
}
"""By the name that a `WindowRecord` has them under."""
