"""What a device fetches for a refined head beyond its new blobs, when the base is on its disk already."""

import tempfile
import time
from pathlib import Path

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_edge.installer.protocol import Staged
from roost_shared.bundle import Bundle
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.push import first_and_refitted
from tests.support.install_site import InstallSite, install_site
from tests.support.installer_rig import InstallerRig
from tests.support.served_cloud import sizes_of

GOALS = (Goal("overhead_ratio", at_most=0.005),)
COMPARED_WITH = (
    "nothing: absolute; every byte of HTTP that the installer's process was answered with, trust and tokens too, by a "
    "real cloud, less those of blobs that were new, as a share of the whole bundle. MobileNetV2, split, where "
    "the real models are at hand"
)


def run(options: Options) -> Result:
    """Have a bundle assigned, then one with another head on the same base."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = first_and_refitted(folder, options.data)
        file = folder / "roost.db"
        database = Database(f"sqlite:///{file}")
        upgrade(database)
        database.close()
        with install_site(folder / "cloud", file, first.config.task) as site:
            site.release(first, second)
            site.enrol(folder / "device")
            return _measure(site, folder / "device", first, second)


def _measure(site: InstallSite, device: Path, first: Bundle, second: Bundle) -> Result:
    with InstallerRig(site.settings(device), process=True) as rig:
        rig.desire(site.sealed(1, first))
        rig.until(Staged, 120, since=0)
        before_bytes, begun_s = site.relay.answered_bytes, time.monotonic()
        rig.desire(site.sealed(2, second))
        rig.until(Staged, 120)
        took_s = time.monotonic() - begun_s
        peak_mb = _peak_mb(rig.pid)
    answered_bytes = site.relay.answered_bytes - before_bytes
    sizes = sizes_of(second)
    new_bytes = sum(size for digest, size in sizes.items() if digest not in sizes_of(first))
    return {
        "overhead_ratio": (answered_bytes - new_bytes) / sum(sizes.values()),
        "bundle_bytes": sum(sizes.values()),
        "new_blob_bytes": new_bytes,
        "answered_bytes": answered_bytes,
        "staged_s": took_s,
        "peak_mb": peak_mb,
    }


def _peak_mb(pid: int) -> float:
    """The most memory that a process had."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6
