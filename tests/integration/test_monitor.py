"""A live agent tells of its inputs in windows, without keeping one of them."""

from contextlib import suppress
from pathlib import Path

from roost_edge.spool.errors import SpoolBusyError
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.bundle import open_bundle
from roost_shared.phi import IMAGE
from roost_shared.records import WindowRecord, decode_record
from roost_shared.sketches import SKETCHES, Moments, ReasonCounts
from tests.support.agent import AgentProcess, Caller, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.capture_cloud import PATIENCE_S, CaptureCloud
from tests.support.mosquitto import Mosquitto
from tests.support.spool_reading import inputs_in

INPUTS = 5
DEVICE = "cam-07"


def let_go(state_dir: Path) -> Spool:
    """The spool, once the process that had it is gone: it outlives a killed agent by a moment."""
    opened: list[Spool] = []

    def is_free() -> bool:
        with suppress(SpoolBusyError):
            opened.append(Spool(state_dir / "spool", "reader", SpoolLimits(reserve_bytes=0), now_ns=0))
        return bool(opened)

    until(is_free, "the spool is nobody's")
    return opened[0]


def windows_in(state_dir: Path) -> list[WindowRecord]:
    """What the device has for the cloud, in order; nothing but windows."""
    spool = let_go(state_dir)
    found = []
    try:
        spool.link_up(0)
        while (batch := spool.next_batch(0)) is not None:
            found += [decode_record(record) for record in batch.records]
            spool.watermark(batch.boot, batch.first + len(batch.records) - 1, 0)
    finally:
        spool.close()
    windows = [one for one in found if isinstance(one, WindowRecord)]
    assert windows == found
    return windows


def test_windows_are_told_of_without_an_input_kept_and_outlive_the_agent(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks = task_toml("light", {"primary": bundles.sure, "backup": bundles.contrary})
    tasks += "\n[tasks.light.monitor]\nwindow_s = 1\n"
    with (
        AgentProcess(tmp_path, mosquitto.url, tasks, limits="free_disk_bytes = 0") as agent,
        Caller(mosquitto.port) as caller,
    ):
        agent.start()
        for number in range(INPUTS):
            caller.ask(picture(number, (40, 40), "PNG"))
        told = agent.status["capture"]["monitor"]["windows"]
        until(lambda: agent.status["capture"]["monitor"]["windows"] > told + 3, "the windows with them have ended")
        agent.kill()
        killed = windows_in(agent.state_dir)
        assert inputs_in(agent.state_dir) == {}
        agent.start()
        caller.ask(picture(INPUTS, (40, 40), "PNG"))
        assert agent.stop() == 0
    stopped = windows_in(agent.state_dir)
    assert sum(one.count for one in killed if one.contestant is None) == INPUTS
    assert sum(one.count for one in killed if one.contestant == "primary") == INPUTS
    assert sum(one.count for one in stopped if one.contestant is None) == 1
    (full,) = [one for one in stopped if one.contestant is None and one.count]
    phi = [SKETCHES["phi"].from_bytes(one.sketches["phi"]) for one in killed if "phi" in one.sketches]
    assert {one.contestant for one in killed if "phi" in one.sketches} == {"primary", "backup"}
    assert all(isinstance(one, Moments) and one.kind == IMAGE.number and one.count for one in phi)
    reasons = SKETCHES["reasons"].from_bytes(full.sketches["reasons"])
    assert isinstance(reasons, ReasonCounts)
    assert sum(reasons.counts) == 1
    assert {one.bundle for one in killed if one.contestant == "primary"} == {open_bundle(bundles.sure).reference}


def test_every_window_comes_to_the_cloud_once_however_often_the_agent_is_killed(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles
) -> None:
    tasks = task_toml("light", {"primary": bundles.sure}) + "\n[tasks.light.monitor]\nwindow_s = 1\n"
    with CaptureCloud(tmp_path / "cloud") as cloud:
        agent = AgentProcess(
            tmp_path / "device", mosquitto.url, cloud.toml(tasks), device=DEVICE, limits="free_disk_bytes = 0"
        )
        with agent, Caller(mosquitto.port, device=DEVICE) as caller:
            cloud.enrol(agent, DEVICE)
            for start in range(2):
                agent.start()
                for number in range(INPUTS):
                    caller.ask(picture(start * INPUTS + number, (40, 40), "PNG"))
                told = agent.status["capture"]["monitor"]["windows"]
                until(lambda: agent.status["capture"]["monitor"]["windows"] > told + 2, "their windows have ended")  # noqa: B023 - called at once
                agent.kill()
            agent.start()
            until(lambda: _answers(cloud) == 2 * INPUTS, "the cloud knows of all answers", PATIENCE_S)
            assert agent.stop() == 0
            assert _answers(cloud) == 2 * INPUTS


def _answers(cloud: CaptureCloud) -> int:
    """How many answers the cloud knows of by windows."""
    found = cloud.windows("light")
    assert len({(one.boot, one.sequence) for one in found}) == len(found)
    records = [decode_record(one.record) for one in found if one.contestant is None]
    return sum(record.count for record in records if isinstance(record, WindowRecord))
