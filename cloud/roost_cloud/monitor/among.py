"""Where devices stand among the others of their fleet, by their last decisions: shown only.

The fleet is what the bundle brings as its reference, if it brings one, for a few devices cannot tell how devices
differ; else the tenant's own others that are commissioned.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, DriftBaseline, DriftVerdict
from roost_cloud.drift.errors import FleetSmallError
from roost_cloud.drift.fleet import DEVICES_EACH, Devices, Fleet, Stands, stand
from roost_cloud.drift.measures import Values, features
from roost_cloud.monitor.baselines import DECISION, all_decisions, decision_of
from roost_cloud.objects import ObjectStore
from roost_cloud.registry import running
from roost_shared.bundle.fleet_reference import FleetReference
from roost_shared.phi import KINDS, PhiKind

__all__ = ["Among", "By", "Standings", "look_around", "reference_of"]

By = Literal["bundle", "fleet"]


class Among(NamedTuple):
    """A device, or a cohort, among the others.

    Attributes:
        devices: one, or those of the cohort.
        at: when the cloud had the last of their last decisions.
        deviations: of the fleet's, by statistic.
        farthest: what people call the statistic that is farthest off.
        distance: T² by all statistics together.
        share: of devices like these that stand as far off, or farther.
        by: whose fleet.
        of_devices: how many that is of.
    """

    devices: list[str]
    at: datetime
    deviations: dict[str, float]
    farthest: str
    distance: float
    share: float
    by: By
    of_devices: int


class _Last(NamedTuple):
    """The last decision of a device."""

    key: tuple[str, str]
    row: DecisionWindow
    values: Values
    kind: PhiKind


class Standings:
    """The devices of a task within the world that most are in.

    Args:
        own: features of their commissioning windows, by device and contestant.
        last: their last decisions.
        bundles: what their bundles bring.
    """

    def __init__(
        self, own: Mapping[tuple[str, str], Values], last: Sequence[_Last], bundles: Mapping[str, FleetReference]
    ) -> None:
        self._places = {key: place for place, key in enumerate(own)}
        self._devices = Devices.of(list(own.values())) if own else None
        self._last = last
        self._bundles = bundles

    @property
    def kind(self) -> PhiKind | None:
        """What is measured; None where no device is commissioned."""
        return self._last[0].kind if self._last else None

    def each(self, device: str | None = None) -> list[Among]:
        """Each device that is commissioned, or only one, among all others.

        Raises:
            FleetSmallError: they are too few, and no bundle brings a reference.
        """
        return [self._among([one]) for one in self._last if device in (None, one.row.device)]

    def cohort(self, devices: Collection[str]) -> Among | None:
        """Some devices together among those that are not of them; None if none of them is commissioned.

        Raises:
            FleetSmallError: those are too few, and no bundle brings a reference.
        """
        its = [one for one in self._last if one.row.device in devices]
        return self._among(its) if its else None

    def fleet(self) -> Fleet | None:
        """All devices; None where there are none.

        Raises:
            FleetSmallError: they are too few.
        """
        return None if self._devices is None else self._devices.fleet()

    def _among(self, those: Sequence[_Last]) -> Among:
        fleet, by = self._fleet_for(those)
        stands: Stands = stand(fleet, np.array([one.values for one in those]))
        kind, deviations = those[0].kind, stands.deviations
        return Among(
            devices=[one.row.device for one in those],
            at=max(one.row.ended_at for one in those),
            deviations=dict(zip(kind.statistics, deviations.tolist(), strict=True)),
            farthest=kind.word(int(abs(deviations).argmax())),
            distance=stands.distance,
            share=stands.share,
            by=by,
            of_devices=fleet.devices,
        )

    def _fleet_for(self, those: Sequence[_Last]) -> tuple[Fleet, By]:
        brought = self._bundles.get(those[0].row.bundle or "")
        kind = those[0].kind
        wanted = DEVICES_EACH * len(kind.statistics)
        if brought is not None and len(brought.mean) == len(kind.statistics) and brought.devices >= wanted:
            return _brought(brought), "bundle"  # of its φ: its own document says so
        if self._devices is None:
            raise FleetSmallError(0, wanted)
        return self._devices.fleet([self._places[one.key] for one in those]), "fleet"


def look_around(session: Session, objects: ObjectStore, tenant: str, task: str) -> Standings:
    """All devices of a task that are commissioned, within the world that most are in."""
    of_task = (DriftBaseline.tenant == tenant, DriftBaseline.task == task, DriftBaseline.kind == "input")
    whole = select(DriftBaseline.identity).where(*of_task, DriftBaseline.commissioned_at.is_not(None))
    ordered = whole.group_by(DriftBaseline.identity).order_by(func.count().desc(), DriftBaseline.identity)
    identity = session.scalar(ordered.limit(1))
    if identity is None:
        return Standings({}, [], {})
    own = all_decisions(session, tenant, task, "input", identity)
    last = [one for one in _last(session, tenant, task, identity) if one.key in own]
    run = {one.row.bundle for one in last if one.row.bundle is not None}
    configs = {name: running.config_of(objects, tenant, running.manifest_of(session, tenant, name)) for name in run}
    brought = {name: config.fleet_reference for name, config in configs.items() if config is not None}
    values = {key: features("input", decisions) for key, decisions in own.items()}
    return Standings(values, last, {name: one for name, one in brought.items() if one is not None})


def reference_of(fleet: Fleet, kind: PhiKind) -> FleetReference:
    """A fleet as a bundle brings it along."""
    return FleetReference(
        phi=kind.name,  # type: ignore[arg-type]  # the kinds' names are a bundle's
        devices=fleet.devices,
        windows=fleet.windows,
        mean=tuple(fleet.mean.tolist()),
        between=tuple(map(tuple, fleet.between.tolist())),
        within=tuple(map(tuple, fleet.within.tolist())),
    )


def _brought(reference: FleetReference) -> Fleet:
    mean, between, within = map(np.array, (reference.mean, reference.between, reference.within))
    return Fleet(reference.devices, reference.windows, mean, between, within)


def _last(session: Session, tenant: str, task: str, identity: str) -> list[_Last]:
    """The last decision of each device in a world, by device."""
    of_world = (
        DriftVerdict.tenant == tenant,
        DriftVerdict.task == task,
        DriftVerdict.kind == "input",
        DriftVerdict.identity == identity,
    )
    stream = (DriftVerdict.tenant, DriftVerdict.device, DriftVerdict.task, DriftVerdict.contestant)
    last = select(*stream, func.max(DriftVerdict.number).label("number")).where(*of_world).group_by(*stream).subquery()
    of_last = and_(*(getattr(DecisionWindow, name) == last.c[name] for name in DECISION))
    query = select(DecisionWindow).join(last, of_last)
    found: list[_Last] = []
    for row in session.scalars(query.order_by(DecisionWindow.device, DecisionWindow.contestant)):
        decision = decision_of(row)
        phi = decision.sketches.phi
        if phi is not None:
            found.append(_Last((row.device, row.contestant), row, features("input", [decision])[0], KINDS[phi.kind]))
    return found
