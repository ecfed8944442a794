"""`/trust`: a tenant's TUF repository. Metadata comes signed, and goes as it is; the cloud decides nothing of it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from roost_cloud.api.auth import Admin, Given, Member, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.trust_models import (
    AcceptedBody,
    KeyBody,
    OnlineKeysBody,
    OnlineKeysRequest,
    OnlineReleaserRequest,
    ReleaseRequest,
    RoleBody,
    TimeBody,
    TrustBody,
)
from roost_cloud.assignments.signing import seal_anew
from roost_cloud.people import audit
from roost_cloud.services import Services
from roost_cloud.trust import queries
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.publishing import Publisher
from roost_shared.trust.names import ASSIGNMENTS, FILE_NAME, SNAPSHOT, TARGETS, TIMESTAMP, task_role

__all__ = ["METADATA_TYPE", "FileName", "Nonce", "metadata_response", "router", "signed_time"]

METADATA_TYPE: Final = "application/json"
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "TUF metadata, signed",
        "content": {METADATA_TYPE: {"schema": {"type": "object"}}},
    }
}

router = APIRouter(prefix=f"{PREFIX}/trust", tags=["trust"])

FileName = Annotated[str, Path(pattern=f"^(?:{FILE_NAME.pattern})$", description="`timestamp.json`, `3.targets.json`")]
Nonce = Annotated[str, Query(pattern="^[A-Za-z0-9_-]{16,128}$", description="to be signed with the time")]
_Task = Annotated[Name, Path()]


async def _body(request: Request) -> bytes:
    return await request.body()


_Metadata = Annotated[bytes, Depends(_body)]


@router.get("", responses=raises(401, 403, 404))
def get_trust(member: Viewer, services: Given) -> TrustBody:
    """Roles, their keys and thresholds, what they have signed and until when that holds."""
    keys = _keys(services, member.tenant)
    with services.database.read() as session:
        found = queries.roles(session, services.objects, keys)
        pin = queries.find_pin(session, keys)
    digest = "" if pin is None else pin.digest
    return TrustBody(tenant=member.tenant, root_digest=digest, roles=[RoleBody.of(role) for role in found])


@router.post("/online-keys", responses=raises(401, 403))
def make_online_keys(member: Admin, services: Given, body: OnlineKeysRequest) -> OnlineKeysBody:
    """The public halves of the keys that the cloud signs with by itself; made at the first time of asking."""
    keys = _keys(services, member.tenant)
    with services.database.begin() as session:
        in_use = queries.online_keyids(session, services.objects, keys)
        made = {
            role: KeyBody.of(keys.newest(role, in_use, anew=body.anew and role in body.roles).public_key)
            for role in (SNAPSHOT, TIMESTAMP, ASSIGNMENTS)
        }
        audit.record(
            session,
            tenant=member.tenant,
            actor=member.name,
            action="trust.online_keys",
            subject=member.tenant,
            now=services.now(),
            keyids=[key.keyid for key in made.values()],
        )
    _seal_anew(services, keys)
    return OnlineKeysBody(**made)


@router.get(
    "/metadata/{file}",
    response_class=Response,
    responses={200: {"content": {METADATA_TYPE: {}}}, **raises(401, 403, 404, 422)},
)
def get_metadata(member: Viewer, services: Given, file: FileName) -> Response:
    """A file of the repository, as TUF clients ask for it."""
    return metadata_response(services, member.tenant, file)


@router.get("/time", responses=raises(401, 403, 404, 422))
def get_time(member: Viewer, services: Given, nonce: Nonce) -> TimeBody:
    """The time, signed with the nonce by the key of the timestamp."""
    return signed_time(services, member.tenant, nonce)


@router.put(
    "/root",
    status_code=HTTPStatus.CREATED,
    responses={200: {"model": AcceptedBody, "description": "It was here already"}, **raises(401, 403, 409, 422)},
    openapi_extra=_BODY,
)
def put_root(member: Admin, services: Given, metadata: _Metadata, response: Response) -> AcceptedBody:
    """Make a root the newest. The first begins the repository; each other is signed by the one before it too."""
    return _accept(response, _publisher(services, member).root, metadata)


@router.put(
    "/targets",
    status_code=HTTPStatus.CREATED,
    responses={200: {"model": AcceptedBody, "description": "It was here already"}, **raises(401, 403, 404, 409, 422)},
    openapi_extra=_BODY,
)
def put_targets(member: Admin, services: Given, metadata: _Metadata, response: Response) -> AcceptedBody:
    """Make top-level targets the newest: who may release for which task, and which keys sign assignments."""
    accepted = _accept(response, _publisher(services, member).targets, metadata)
    _seal_anew(services, _keys(services, member.tenant))
    return accepted


@router.put(
    "/releases/{task}",
    status_code=HTTPStatus.CREATED,
    responses={200: {"model": AcceptedBody, "description": "It was here already"}, **raises(401, 403, 404, 409, 422)},
    openapi_extra=_BODY,
)
def put_release(
    member: Operator, services: Given, task: _Task, metadata: _Metadata, response: Response
) -> AcceptedBody:
    """Make a task's releases the newest: all manifests that devices may run for it."""
    publisher = _publisher(services, member)
    return _accept(response, lambda data: publisher.release(task, data), metadata)


@router.post("/releases/{task}/releaser", responses=raises(401, 403, 422))
def make_online_releaser(member: Admin, services: Given, task: _Task, body: OnlineReleaserRequest) -> KeyBody:
    """The public half of a key that the cloud may release with, once targets name it; made at the first asking."""
    keys = _keys(services, member.tenant)
    with services.database.begin() as session:
        in_use = queries.releasers(session, services.objects, keys, task) if body.anew else frozenset()
        made = keys.newest(task_role(task), in_use, anew=body.anew).public_key
        audit.record(
            session,
            tenant=member.tenant,
            actor=member.name,
            action="trust.online_releaser",
            subject=task,
            now=services.now(),
            keyid=made.keyid,
        )
    return KeyBody.of(made)


@router.post("/releases/{task}", responses=raises(401, 403, 404, 422))
def release_online(member: Operator, services: Given, task: _Task, body: ReleaseRequest) -> AcceptedBody:
    """Release by the cloud's own key, which targets must have named for the task."""
    publisher = _publisher(services, member)
    return AcceptedBody(created=publisher.release_online(task, add=body.release, withdraw=body.withdraw))


def metadata_response(services: Services, tenant: str, file: str) -> Response:
    """A file as it goes to whoever asks."""
    data = queries.read_file(services.objects, tenant, file)
    return Response(data, media_type=METADATA_TYPE, headers={"Cache-Control": "no-store"})


def signed_time(services: Services, tenant: str, nonce: str) -> TimeBody:
    """The time as it goes to whoever asks."""
    with services.database.read() as session:
        told = queries.sign_time(session, services.objects, _keys(services, tenant), nonce, services.now())
    return TimeBody.model_validate(told, from_attributes=True)


def _keys(services: Services, tenant: str) -> OnlineKeys:
    return OnlineKeys(services.settings.secrets_path, tenant)


def _publisher(services: Services, member: Member) -> Publisher:
    return Publisher(
        database=services.database,
        store=services.objects,
        keys=_keys(services, member.tenant),
        actor=member.name,
        now=services.now(),
    )


def _seal_anew(services: Services, keys: OnlineKeys) -> None:
    """Have what devices are assigned signed by the keys of now, where devices believe any for it."""
    with services.database.begin() as session:
        standing = queries.shared_standing(session, services.objects, keys)
        targets = None if standing is None else standing.targets(TARGETS)
        if targets is not None and queries.delegated_keyids(targets.signed, ASSIGNMENTS):
            seal_anew(session, keys, targets.signed)


def _accept(response: Response, publish: Callable[[bytes], bool], metadata: bytes) -> AcceptedBody:
    created = publish(metadata)
    if not created:
        response.status_code = HTTPStatus.OK
    return AcceptedBody(created=created)
