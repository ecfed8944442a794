"""The device's wall clock jumps ten years either way, at work and between two starts: nothing is lost or let go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.agent import AgentProcess, Caller
from tests.support.bundles import Bundles
from tests.support.capture_cloud import CaptureCloud
from tests.support.capturing import AT_LEISURE, capturing, photo, spool, until_all_arrived
from tests.support.http_relay import Trouble
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import until
from tests.support.wall_clock import WallClock

TEN_YEARS = timedelta(days=3653)
FEW = 4


def test_a_clock_that_jumps_ten_years_either_way_costs_nothing(
    tmp_path: Path, mosquitto: Mosquitto, bundles: Bundles, capture_cloud: CaptureCloud
) -> None:
    device, clock = "jumping", WallClock(tmp_path)
    tasks = capture_cloud.toml(capturing(bundles))
    sent: list[bytes] = []
    with (
        AgentProcess(
            tmp_path, mosquitto.url, tasks, device=device, limits=AT_LEISURE, environment=clock.environment
        ) as agent,
        Caller(mosquitto.port, device=device) as caller,
    ):
        capture_cloud.enrol(agent, device)
        capture_cloud.web.troubles = [Trouble("/device/shards", 503, times=1_000_000)]
        years = []
        for ahead in (timedelta(), TEN_YEARS, -TEN_YEARS, timedelta()):
            agent.start()  # what is too old goes at every start
            caller.ask(sent_photo(sent))
            clock.set(ahead)
            for _ in range(FEW - 1):
                answer = caller.ask(sent_photo(sent))
                assert answer["deadline_met"]
            years.append(datetime.fromisoformat(answer["received_at"]).year)
            assert agent.stop() == 0
        now = datetime.now(UTC)
        assert years == [now.year, (now + TEN_YEARS).year, (now - TEN_YEARS).year, now.year]
        clock.set(TEN_YEARS)
        agent.start()
        until(lambda: sum(spool(agent).get("entries", {}).values()) == len(sent), "all are there")
        capture_cloud.web.troubles = []
        until_all_arrived(agent, capture_cloud, device, len(sent))
        assert spool(agent)["dropped"] == {}
        assert agent.stop() == 0
    capture_cloud.has_once(device, sent)
    told = capture_cloud.samples(device)
    assert {one["captured_at"][:4] for one in told} == {str(year) for year in years}
    received = [datetime.fromisoformat(one["received_at"]) for one in told]
    assert all(abs(one - now) < timedelta(hours=1) for one in received), "the cloud goes by its own"


def sent_photo(sent: list[bytes]) -> bytes:
    sent.append(photo(len(sent)))
    return sent[-1]
