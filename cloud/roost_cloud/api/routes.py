"""All routes below the API's prefix, put together from the modules that have them."""

import functools
from collections.abc import Sequence

from starlette.routing import BaseRoute

from roost_cloud.api import (
    activity,
    activity_tasks,
    alarms,
    aliases,
    assignments,
    audit,
    blobs,
    broker,
    bundles,
    comparison,
    datasets,
    device_auth,
    device_bundles,
    device_shards,
    device_trust,
    devices,
    downloads,
    drift,
    drift_fleet,
    drift_history,
    drift_settings,
    enrolment,
    hooks,
    label_help,
    label_queue,
    recorded,
    records,
    rollouts,
    runs,
    sample_labels,
    samples,
    tasks,
    tenants,
    tokens,
    training,
    trust,
    uploads,
    verdicts,
    wanted,
    what_if,
    windows,
)
from roost_cloud.api.auth import Given
from roost_cloud.api.objects import objects_router
from roost_cloud.objects.files import FileStore

__all__ = ["api_routes", "object_routes"]


@functools.cache
def api_routes() -> Sequence[BaseRoute]:
    """Those that hold nothing of a deployment, as their modules made them: to include a router makes each anew."""
    routers = (
        tenants.router,
        tokens.router,
        audit.router,
        enrolment.router,
        device_auth.router,
        device_bundles.router,
        device_shards.router,
        device_trust.router,
        devices.router,
        assignments.router,
        assignments.device_router,
        broker.router,
        uploads.router,
        blobs.router,
        bundles.router,
        downloads.router,
        comparison.router,
        aliases.router,
        tasks.router,
        records.router,
        samples.router,
        recorded.router,
        wanted.router,
        label_queue.router,
        label_help.router,
        sample_labels.router,
        datasets.router,
        windows.router,
        trust.router,
        alarms.router,
        drift.router,
        drift_fleet.router,
        drift_history.router,
        drift_settings.router,
        rollouts.router,
        rollouts.device_router,
        hooks.router,
        runs.router,
        training.router,
        verdicts.router,
        activity.router,
        activity_tasks.router,
        what_if.router,
    )
    return [route for router in routers for route in router.routes]


@functools.cache
def object_routes() -> Sequence[BaseRoute]:
    """Those of objects kept in files, which nobody else serves."""
    return objects_router(_file_store).routes


async def _file_store(services: Given) -> FileStore:
    assert isinstance(services.objects, FileStore)  # noqa: S101 - else there are no such routes
    return services.objects
