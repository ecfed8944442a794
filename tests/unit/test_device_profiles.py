"""firmware-config/devices: what the profiles say is so, and fits together."""

import re
from pathlib import Path

import pytest

from roost_edge.settings.loading import load_config
from roost_shared.topics import is_name

ROOT = Path(__file__).parents[2]
PROFILES = sorted((ROOT / "firmware-config" / "devices").glob("*.toml"))
MEMORY_BYTES = {
    "arm32": 1 << 30,
    "pi-4": 2 << 30,
    "pi-5": 4 << 30,
    "pi-zero-2w": 420 << 20,  # beside the GPU
    "x86-gateway": 8 << 30,
}
WORKER_BYTES = 60 << 20  # measured with LiteRT: 51-62 MB resident
SPOOLER_BYTES = 25 << 20  # measured: 24 MB of its own
WAITING = 4  # of the largest inputs, that may wait for the disk
COPIES = 2  # of an input under way: ours and the broker's
BYTES_PER_PIXEL = 3

profiles = pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)


def test_each_kind_of_device_has_a_profile() -> None:
    assert {path.stem for path in PROFILES} == MEMORY_BYTES.keys()


@profiles
def test_the_agent_takes_a_profile_as_it_is_and_with_what_it_leaves_out(profile: Path, tmp_path: Path) -> None:
    config = load_config(profile)
    assert is_name(config.device)
    assert config.state_dir == Path("/var/lib/roost"), "what the service may write"
    complete = tmp_path / "agent.toml"
    complete.write_text(re.sub(r"(?m)^#(?=[a-z_]+ = |\[)", "", profile.read_text()))
    (task,) = load_config(complete).tasks.values()
    assert task.folder is not None
    assert task.folder.path.is_relative_to(config.state_dir), "what the service may write"
    assert task.capture is not None
    task.policy("meter")


@profiles
def test_the_limits_fit_the_device_with_half_of_it_left(profile: Path) -> None:
    config = load_config(profile)
    limits = config.limits
    workers = sum(len(task.contestants) for task in config.tasks.values())
    inputs_bytes = COPIES * limits.in_flight * limits.payload_bytes
    decoding_bytes = workers * limits.image_pixels * BYTES_PER_PIXEL
    keeping_bytes = SPOOLER_BYTES + WAITING * limits.payload_bytes
    needed_bytes = inputs_bytes + decoding_bytes + workers * WORKER_BYTES + keeping_bytes
    assert needed_bytes < MEMORY_BYTES[profile.stem] / 2


@profiles
def test_the_broker_s_limits_beside_them_agree(profile: Path) -> None:
    """One that has more under way than we take, or takes less than we do, breaks what both promise."""
    limits = load_config(profile).limits
    told = dict(re.findall(r"(?m)^#   (max_\w+) (\d+)$", profile.read_text()))
    assert told.keys() == {"max_inflight_messages", "max_packet_size", "max_queued_bytes"}
    assert int(told["max_inflight_messages"]) == limits.in_flight
    assert limits.payload_bytes < int(told["max_packet_size"]) <= 1.25 * limits.payload_bytes
    assert int(told["max_queued_bytes"]) <= MEMORY_BYTES[profile.stem] / 8, "Mosquitto queues in memory"
    site = (ROOT / "firmware-config" / "mosquitto" / "site.conf").read_text()
    assert all(re.search(rf"(?m)^{name} \d", site) for name in told)


@profiles
def test_the_set_to_install_is_one_and_has_what_the_profile_runs(profile: Path) -> None:
    named = re.findall(r"with the set `([\w-]+)`", profile.read_text())
    assert len(named) == 1
    pinned = (ROOT / "scripts" / "constraints" / f"{named[0]}.txt").read_text()
    wanted = {one.runtime for task in load_config(profile).tasks.values() for one in task.contestants}
    packages = {None: "ai-edge-litert", "litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
    assert all(re.search(rf"(?m)^{packages[runtime]}==", pinned) for runtime in wanted)
