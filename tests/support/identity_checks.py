"""What must hold of an identity, whatever ended those who were at work on it."""

from pathlib import Path

from roost_edge.identity import Identity, read_identity
from roost_edge.identity.keys import DeviceKey, check_certificate
from roost_edge.uplink.api import DeviceApi
from roost_edge.uplink.http import CloudHttp

__all__ = ["left_over", "read", "sign_in", "whole"]


def whole(state_dir: Path) -> Identity:
    """The identity, once its parts are seen to belong together."""
    identity = read_identity(state_dir)
    assert identity is not None
    cloud = identity.cloud
    check_certificate(
        identity.certfile.read_text(),
        identity.cafile.read_bytes(),
        key=DeviceKey.read(identity.keyfile.read_bytes()),
        tenant=cloud.tenant,
        device=cloud.device,
    )
    return identity


def sign_in(identity: Identity) -> str:
    """The scope that the cloud gives this identity."""
    cloud = identity.cloud
    http = CloudHttp(cloud.url, identity.cafile.read_bytes())
    key = DeviceKey.read(identity.keyfile.read_bytes())
    return DeviceApi(http, tenant=cloud.tenant, device=cloud.device, key=key).token().scope


def left_over(state_dir: Path) -> set[str]:
    """What no identity needs."""
    in_use = {"lock", read(state_dir).folder.name}
    return {path.name for path in (state_dir / "identity.d").iterdir()} - in_use


def read(state_dir: Path) -> Identity:
    """The identity that has to be there."""
    identity = read_identity(state_dir)
    assert identity is not None
    return identity
