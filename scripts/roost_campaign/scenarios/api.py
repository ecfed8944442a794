"""The API asked for nonsense by everybody, and for one tenant's things by another: each answer is a documented one."""

import itertools
from typing import Final

import schemathesis
from schemathesis import GenerationMode

from roost_cloud.people.principal import ROLES
from roost_shared.bundle import open_bundle
from scripts.roost_campaign.clouds import a_cloud
from scripts.roost_campaign.step import Room, Step, seed_of
from tests.support.fuzzing import fault_of, operations
from tests.support.probes import PROBES, World
from tests.support.served_cloud import bundle_like
from tests.support.split_bundles import split_bundle

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 1.0
TYPICAL_S: Final = 150.0
LIMIT_S: Final = 1800.0
OPERATIONS: Final = 60  # that a step asks, each in both modes
EXAMPLES: Final = 4
REFUSALS: Final = (401, 403, 404, 422)  # and a list of one's own, which is empty


def run(step: Step, room: Room) -> None:
    """Another tenant's probes in an order that chance has, then what schemathesis makes up."""
    first = open_bundle(split_bundle(room.folder / "argmax-1"))
    with a_cloud(step, room) as cloud:
        world = World(cloud, first, bundle_like(first, room.folder / "argmax-2", version="2"))
        _cross_tenants(step, room, world)
        _fuzz(step, room, world)


def _cross_tenants(step: Step, room: Room, world: World) -> None:
    """Beta's people and devices ask for acme's things: they get none, learn nothing, and change nothing."""
    probes = {route: probe for route, probe in PROBES.items() if probe.addresses_a_thing}
    asks = [
        (route, headers)
        for route, probe in probes.items()
        for headers in (
            world.strange_devices(probe)
            if probe.needs == "device"
            else [world.headers("beta", role) for role in ROLES] + [{}]
        )
        if probe.needs != "nobody"
    ]
    step.dice("probes").shuffle(asks)
    before = world.rows()
    for route, headers in asks:
        said = world.request(route, headers)
        room.outcome.count("requests for another tenant's things")
        empty = said.status_code == 200 and not any(mark in said.text for mark in world.marks)  # noqa: PLR2004
        told = f"{route}: {said.status_code} {said.text}"[:2000]
        room.outcome.require(empty or said.status_code in REFUSALS, "no tenant sees another", told)
    changed = [table for table, rows in world.rows().items() if rows != before[table]]
    room.outcome.require(not changed, "no tenant changes another's", changed)


def _fuzz(step: Step, room: Room, world: World) -> None:
    askers = {
        "an admin": world.headers("acme", "admin"),
        "the platform": world.headers(None, "admin"),
        "a device": world.device_headers(),
        "nobody": {},
    }
    every = operations(schemathesis.openapi.from_asgi("/openapi.json", world.cloud.client.app))
    chosen = step.dice("operations").sample(every, min(OPERATIONS, len(every)))
    for operation, mode in itertools.product(chosen, GenerationMode):
        fault = fault_of(operation, mode, askers, EXAMPLES, chance=seed_of(step, operation.label))
        room.outcome.count("requests made up", EXAMPLES * len(askers))
        room.outcome.require(fault is None, "answers are as documented", fault)
