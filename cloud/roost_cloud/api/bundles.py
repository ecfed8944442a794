"""`/bundles`: versions, published and read; their bytes are `/blobs`."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Admin, Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import BundleVersion
from roost_cloud.errors import NotFoundError
from roost_cloud.registry import aliases, versions
from roost_cloud.registry.collection import collect_blobs
from roost_cloud.registry.lineage import Origin, lineage
from roost_cloud.runs.store import policy_of
from roost_cloud.services import Services
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.bundle import oci
from roost_shared.errors import DeviceError, TransportError

__all__ = ["VERSION_PATTERN", "BundleName", "VersionPath", "router"]

log = structlog.get_logger(__name__)
router = APIRouter(prefix=f"{PREFIX}/bundles", tags=["bundles"])

VERSION_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$"
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The OCI image manifest's bytes as they are: their digest is the bundle's",
        "content": {oci.MANIFEST_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}

BundleName = Annotated[Name, Path()]
VersionPath = Annotated[str, Path(pattern=VERSION_PATTERN)]


class BundleModel(BaseModel):
    """A bundle, by its name."""

    name: str
    versions: int
    updated_at: datetime


class RelativeModel(BaseModel):
    """A version in another's lineage."""

    name: str
    version: str
    digest: str
    deleted: bool


class OriginModel(BaseModel):
    """The training run that a version came of."""

    run: str
    task: str
    cause: str
    reason: str
    alarms: list[str] = Field(description="That it saw to")
    trainer: str
    trainer_version: str | None
    snapshot: str | None = Field(description="Digest of its dataset")
    opened_at: datetime
    opened_by: str
    ended_at: datetime | None


class SuccessorModel(BaseModel):
    """A training run that started from a version."""

    run: str
    state: str
    candidate: str = Field(description="NAME:VERSION of what it makes")


class LineageModel(BaseModel):
    """Where a version comes from, and what came of it."""

    parent_digest: str | None
    training_run: str | None = Field(description="As the bundle says of itself")
    parents: list[RelativeModel]  # versions that have the parent's digest, as far as they are or were here
    origin: OriginModel | None = Field(description="null: it was not trained here")
    children: list[RelativeModel] = Field(description="The newest 100")
    runs: list[SuccessorModel] = Field(description="The newest 100 that started from it")


class VersionSummary(BaseModel):
    """A version, in short."""

    name: str
    version: str
    digest: str
    size_bytes: int = Field(description="Of the manifest and all blobs")
    task: str | None
    aliases: list[str]
    created_at: datetime
    created_by: str


class VersionModel(VersionSummary):
    """A version, whole."""

    manifest: str = Field(description="The manifest's text; as UTF-8 it has the digest")
    lineage: LineageModel


async def _body(request: Request) -> bytes:
    return await request.body()


@router.get("", responses=raises(401, 403, 422))
def list_bundles(member: Viewer, services: Given, page: Asked) -> Page[BundleModel]:
    """All bundles, by name."""
    with services.database.read() as session:
        rows = versions.names(session, member.tenant, limit=page.rows, after=page.after)
    return page.of(
        rows,
        lambda row: BundleModel(name=row.name, versions=row.versions, updated_at=row.updated_at),
        lambda row: row.name,
    )


@router.get("/{name}", responses=raises(401, 403, 404, 422))
def list_versions(member: Viewer, services: Given, name: BundleName, page: Asked) -> Page[VersionSummary]:
    """A bundle's versions, the newest first."""
    with services.database.read() as session:
        rows = versions.page(session, member.tenant, name, limit=page.rows, after=page.after)
        pointing = aliases.of_versions(session, member.tenant, name, [row.version for row in rows])
    if not rows and page.after is None:
        raise NotFoundError("bundle", name)
    return page.of(rows, lambda row: _summary(row, pointing[row.version]), lambda row: row.version)


@router.put(
    "/{name}/versions/{version}",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {"model": VersionModel, "description": "It was here already"},
        **raises(401, 403, 404, 409, 413, 422),
    },
    openapi_extra=_BODY,
)
def publish_version(
    member: Operator,
    services: Given,
    name: BundleName,
    version: VersionPath,
    manifest: Annotated[bytes, Depends(_body)],
    response: Response,
) -> VersionModel:
    """Make a version of a manifest whose blobs are all here. A version is for ever the same."""
    row, created = versions.publish(
        services.database,
        services.objects,
        tenant=member.tenant,
        name=name,
        version=version,
        manifest=manifest,
        actor=member.name,
        now=services.now(),
    )
    if not created:
        response.status_code = HTTPStatus.OK
    return _whole(services, row)


@router.get("/{name}/versions/{version}", responses=raises(401, 403, 404, 422))
def get_version(member: Viewer, services: Given, name: BundleName, version: VersionPath) -> VersionModel:
    """A version: its manifest, where it comes from and what came of it."""
    with services.database.read() as session:
        row = versions.get(session, member.tenant, name, version)
    return _whole(services, row)


@router.delete(
    "/{name}/versions/{version}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404, 409, 422)
)
def delete_version(member: Admin, services: Given, name: BundleName, version: VersionPath) -> None:
    """Delete a version that nothing needs, with the blobs that no other has; its name is for no other bundle."""
    keys = OnlineKeys(services.settings.secrets_path, member.tenant)
    with services.database.begin() as session:
        digests = versions.delete(
            session, services.objects, keys, name, version, actor=member.name, now=services.now()
        )
    try:
        collect_blobs(
            services.database, services.objects, member.tenant, services.now(), actor=member.name, only=digests
        )
    except (TransportError, DeviceError) as error:
        # The version is gone, which is what was asked; its blobs wait for the next collection.
        log.warning("collection.failed", code=error.code, message=str(error))


def _summary(row: BundleVersion, pointing: list[str]) -> VersionSummary:
    return VersionSummary(
        name=row.name,
        version=row.version,
        digest=row.digest,
        size_bytes=row.size_bytes,
        task=row.task,
        aliases=pointing,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _whole(services: Services, row: BundleVersion) -> VersionModel:
    with services.database.read() as session:
        found = lineage(session, row)
        pointing = aliases.of_versions(session, row.tenant, row.name, [row.version])
    return VersionModel(
        **_summary(row, pointing[row.version]).model_dump(),
        manifest=row.manifest.decode(),
        lineage=LineageModel(
            parent_digest=row.parent_digest,
            training_run=row.training_run,
            parents=[_relative(one) for one in found.parents],
            origin=None if found.origin is None else _origin(found.origin),
            children=[_relative(one) for one in found.children],
            runs=[
                SuccessorModel(run=one.id, state=one.state, candidate=f"{one.name}:{one.version}")
                for one in found.runs
            ],
        ),
    )


def _origin(origin: Origin) -> OriginModel:
    run = origin.run
    return OriginModel(
        run=run.id,
        task=run.task,
        cause=run.cause,
        reason=run.reason,
        alarms=list(origin.alarms),
        trainer=policy_of(run).trainer,
        trainer_version=run.trainer_version,
        snapshot=run.snapshot,
        opened_at=run.opened_at,
        opened_by=run.opened_by,
        ended_at=run.ended_at,
    )


def _relative(row: BundleVersion) -> RelativeModel:
    return RelativeModel(name=row.name, version=row.version, digest=row.digest, deleted=row.deleted_at is not None)
