"""What the API tells of a tenant's TUF repository, and what may be asked of the keys that the cloud signs with."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from tuf.api.metadata import Key

from roost_cloud.api.bundles import VERSION_PATTERN
from roost_cloud.trust.queries import RoleStatus
from roost_shared.topics import NAME
from roost_shared.trust.names import ASSIGNMENTS, SNAPSHOT, TIMESTAMP

__all__ = [
    "AcceptedBody",
    "KeyBody",
    "OnlineKeysBody",
    "OnlineKeysRequest",
    "OnlineReleaserRequest",
    "ReleaseRequest",
    "RoleBody",
    "TimeBody",
    "TrustBody",
]

_Reference = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}:{VERSION_PATTERN[1:]}", max_length=130)]
_OnlineRole = Literal["snapshot", "timestamp", "assignments"]


class KeyBody(BaseModel):
    """A public key, as TUF metadata has it."""

    keyid: str
    keytype: str
    scheme: str
    public: str

    @classmethod
    def of(cls, key: Key) -> "KeyBody":
        """As the API shows it."""
        return cls(keyid=key.keyid, keytype=key.keytype, scheme=key.scheme, public=str(key.keyval["public"]))


class OnlineKeysBody(BaseModel):
    """The cloud's own keys, for a root to name."""

    snapshot: KeyBody
    timestamp: KeyBody
    assignments: KeyBody = Field(description="for targets to name: signs what devices shall run")


class OnlineKeysRequest(BaseModel):
    """What is asked of the cloud's own keys."""

    model_config = ConfigDict(extra="forbid")

    anew: Annotated[bool, Field(description="make others than those root and targets name, to take their place")] = (
        False
    )
    roles: Annotated[list[_OnlineRole], Field(description="of which to make others")] = [
        SNAPSHOT,
        TIMESTAMP,
        ASSIGNMENTS,
    ]


class OnlineReleaserRequest(BaseModel):
    """What is asked of the key that the cloud releases with by itself."""

    model_config = ConfigDict(extra="forbid")

    anew: Annotated[bool, Field(description="make another than the newest that targets name, to take its place")] = (
        False
    )


class ReleaseRequest(BaseModel):
    """What the cloud shall release by itself; with nothing, what is released is signed anew where it has to be."""

    model_config = ConfigDict(extra="forbid")

    release: Annotated[list[_Reference], Field(max_length=100)] = []
    withdraw: Annotated[list[_Reference], Field(max_length=100)] = []


class RoleBody(BaseModel):
    """A role of the repository."""

    name: str
    version: int = Field(description="of its newest metadata; 0 if there is none")
    expires: datetime | None
    threshold: int
    keys: list[KeyBody]
    targets: list[str] | None = Field(description="manifests it releases, `TASK/NAME:VERSION`")

    @classmethod
    def of(cls, status: RoleStatus) -> "RoleBody":
        """As the API shows it."""
        return cls(**status._replace(keys=[])._asdict() | {"keys": [KeyBody.of(key) for key in status.keys]})


class TrustBody(BaseModel):
    """A repository."""

    tenant: str
    root_digest: str = Field(description="of the newest root, which enrolment tokens carry")
    roles: list[RoleBody]


class AcceptedBody(BaseModel):
    """What became of metadata that was sent."""

    created: bool = Field(description="false: it was here already")


class TimeBody(BaseModel):
    """The time, in answer to a nonce (`roost_shared/trust/signed_time.py`)."""

    tenant: str
    nonce: str
    at: datetime
    keyid: str
    signature: str
