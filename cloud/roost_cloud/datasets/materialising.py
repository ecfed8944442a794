"""A snapshot's inputs as files: those to learn from for the trainer, those to judge by for the gate.

They go to two folders, and the second is made when the trainer's process has ended: no trainer can read what it will be
judged by. Each input is checked against its digest before it has its name. Going on with a folder that is half filled
is safe.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import msgspec
from sqlalchemy import select, tuple_

from roost_cloud.datasets import store as room
from roost_cloud.datasets.errors import InputsGoneError, SnapshotDamagedError
from roost_cloud.datasets.judged import JudgedExample, JudgedSet, judged_of
from roost_cloud.datasets.references import find_config, find_manifest, read_references
from roost_cloud.datasets.snapshot import Snapshot, SnapshotItem
from roost_cloud.db import Database
from roost_cloud.db.tables import SampleInput
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectNotFoundError, ObjectStore
from roost_cloud.samples.whole import open_input
from roost_cloud.training.job import TrainingExample, input_of

__all__ = ["Told", "materialise_job", "materialise_judged"]
