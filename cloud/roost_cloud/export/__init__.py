"""Samples on their way out of the cloud, to this machine: a folder of inputs with an index, or tars.

- `plan.py`: which samples, in which pieces, written down first; what an interrupted export goes on by.
- `source.py`: a sample's document and its input's bytes, from the API, checked.
- `writers.py`: a piece as files and lines, or as a tar that WebDataset reads.
- `run.py`: one piece after another, each whole or not there.
"""

from roost_cloud.export.errors import DamagedPlanError, ExportExistsError, OtherExportError
from roost_cloud.export.plan import Format
from roost_cloud.export.run import Exported, export_samples
from roost_cloud.export.source import AlteredInputError

__all__ = [
    "AlteredInputError",
    "DamagedPlanError",
    "ExportExistsError",
    "Exported",
    "Format",
    "OtherExportError",
    "export_samples",
]
