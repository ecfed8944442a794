"""All tables, a module for each room's. Importing this one makes `Base.metadata` complete."""

from roost_cloud.db.tables.activity import DeviceHealth, DeviceHour, TaskHour
from roost_cloud.db.tables.alarms import Alarm
from roost_cloud.db.tables.assignments import AssignedBundle, AssignmentVersion, DeviceAssignment, DeviceReport
from roost_cloud.db.tables.audit import AuditEntry
from roost_cloud.db.tables.datasets import Dataset, DatasetSample
from roost_cloud.db.tables.deployment import Deployment
from roost_cloud.db.tables.drift import DecisionWindow, DriftBaseline, DriftSettings, DriftStream, DriftVerdict
from roost_cloud.db.tables.events import Event, Hook, HookDelivery
from roost_cloud.db.tables.fleet import Certificate, Device, DeviceLabel, EnrolmentToken, SpentNonce
from roost_cloud.db.tables.labels import Label, LabelClaim, LabelSettings, TaskLabel
from roost_cloud.db.tables.people import ApiToken, EndedSession, Tenant
from roost_cloud.db.tables.records import DroppedInput, LateScore, RecordLog, Sample, SampleScore, TaskPolicy, Window
from roost_cloud.db.tables.registry import Alias, AliasMove, Blob, BlobUpload, BundleBlob, BundleVersion
from roost_cloud.db.tables.rollouts import RolloutDevice, RolloutEvent, RolloutRow
from roost_cloud.db.tables.shards import SampleInput, Shard, ShardUpload
from roost_cloud.db.tables.tasks import CloudTask
from roost_cloud.db.tables.training import (
    TrainingAlarm,
    TrainingLine,
    TrainingMetric,
    TrainingPolicy,
    TrainingRun,
    TrainingStep,
)
from roost_cloud.db.tables.trust import TrustRepository
from roost_cloud.db.tables.wanted import WantedStretch

__all__ = [
    "Alarm",
    "Alias",
    "AliasMove",
    "ApiToken",
    "AssignedBundle",
    "AssignmentVersion",
    "AuditEntry",
    "Blob",
    "BlobUpload",
    "BundleBlob",
    "BundleVersion",
    "Certificate",
    "CloudTask",
    "Dataset",
    "DatasetSample",
    "DecisionWindow",
    "Deployment",
    "Device",
    "DeviceAssignment",
    "DeviceHealth",
    "DeviceHour",
    "DeviceLabel",
    "DeviceReport",
    "DriftBaseline",
    "DriftSettings",
    "DriftStream",
    "DriftVerdict",
    "DroppedInput",
    "EndedSession",
    "EnrolmentToken",
    "Event",
    "Hook",
    "HookDelivery",
    "Label",
    "LabelClaim",
    "LabelSettings",
    "LateScore",
    "RecordLog",
    "RolloutDevice",
    "RolloutEvent",
    "RolloutRow",
    "Sample",
    "SampleInput",
    "SampleScore",
    "Shard",
    "ShardUpload",
    "SpentNonce",
    "TaskHour",
    "TaskLabel",
    "TaskPolicy",
    "Tenant",
    "TrainingAlarm",
    "TrainingLine",
    "TrainingMetric",
    "TrainingPolicy",
    "TrainingRun",
    "TrainingStep",
    "TrustRepository",
    "WantedStretch",
    "Window",
]
