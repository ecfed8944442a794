"""Whom the device says it is when it uploads: whoever it is now."""

from pathlib import Path

from roost_edge.identity.enrol import enrol_device
from tests.support.device_cloud import DeviceCloud
from tests.support.spooler_rig import SpoolerRig

WITHIN_A_MINUTE_S = 45  # at every minute it looks anyway


def test_an_identity_that_changes_at_work_is_used_as_soon_as_the_link_is_back(tmp_path: Path) -> None:
    with DeviceCloud(tmp_path) as cloud:

        def become(device: str) -> None:
            token = cloud.token(device)
            enrol_device(url=cloud.url, token=token, state_dir=tmp_path, expected=None, replace=device != "cam-01")

        def has_come(device: str) -> bool:
            return any(asked["device"] == device for asked in cloud.asked("/device-auth/nonce"))

        become("cam-01")
        rig = SpoolerRig(tmp_path, cloud_url=cloud.url, upload_after_s=0.1)
        try:
            rig.start()
            rig.keep(b"pixels")
            rig.until(lambda: has_come("cam-01"), "it goes by the identity there is")
            become("cam-02")
            rig.spooler.link(up=True)
            rig.until(lambda: has_come("cam-02"), "it goes by the new one", WITHIN_A_MINUTE_S)
        finally:
            rig.close()
