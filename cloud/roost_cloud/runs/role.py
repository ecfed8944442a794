"""The role `trainer` of a deployment."""

from typing import Final

from roost_cloud.registry.registrar import BundleRegistrar
from roost_cloud.runs.conducting import Means
from roost_cloud.runs.dataset import RunDatasets
from roost_cloud.runs.executor import Executor
from roost_cloud.runs.local import LocalExecutor
from roost_cloud.runs.ray_executor import RayExecutor
from roost_cloud.runs.worker import Trainer
from roost_cloud.runs.workshop import Workshop
from roost_cloud.scorer.bundle_cache import BundleCache
from roost_cloud.services import Services
from roost_cloud.settings import CloudSettings

__all__ = ["make_trainer"]

_MEGABYTE: Final = 1 << 20


def make_trainer(services: Services) -> Trainer:
    """The role.

    Raises:
        ConfigError: its executor is not installed.
    """
    settings, clock = services.settings, services.clock
    database, objects = services.database, services.objects
    means = Means(
        database=database,
        objects=objects,
        bundles=BundleCache(settings.data_dir / "bundle-cache", objects, settings.scorer_cache_mb * _MEGABYTE),
        datasets=RunDatasets(database, objects, clock),
        registrar=BundleRegistrar(database, objects, clock),
        executor=_executor(settings),
        workshop=Workshop(settings.data_dir / "training"),
        clock=clock,
    )
    return Trainer(means, services.metrics, slots=settings.trainer_slots)


def _executor(settings: CloudSettings) -> Executor:
    return RayExecutor(settings.trainer_ray_address) if settings.trainer_executor == "ray" else LocalExecutor()
