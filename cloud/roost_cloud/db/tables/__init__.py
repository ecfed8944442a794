"""All tables. Importing this module makes `Base.metadata` complete."""

from roost_cloud.db.tables.audit import AuditEntry
from roost_cloud.db.tables.fleet import Certificate, Device, DeviceLabel, DeviceNonce, EnrolmentToken
from roost_cloud.db.tables.people import ApiToken, Tenant
from roost_cloud.db.tables.registry import Alias, AliasMove, Blob, BundleBlob, BundleVersion, Upload

__all__ = [
    "Alias",
    "AliasMove",
    "ApiToken",
    "AuditEntry",
    "Blob",
    "BundleBlob",
    "BundleVersion",
    "Certificate",
    "Device",
    "DeviceLabel",
    "DeviceNonce",
    "EnrolmentToken",
    "Tenant",
    "Upload",
]
