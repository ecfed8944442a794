"""What a fleet costs its cloud: real MQTT sessions through Mosquitto, PostgreSQL, each role in its own process.

Devices are the agent's own connection and presence, enrolled and certified, five hundred to a process; they make
windows up, and follow assignments at once. First there are a hundred of them, then a thousand, and both times they
connect all together, tell of a window of three records every few seconds, while a person looks at the API and at the
dashboard, and are given assignments and a rollout. Costs are processor time of the parts of the cloud that take
messages in, not of the devices', while nobody looks: else the database's part of a page would be a message's.
Ten thousand are judged without a broker: what they tell is stored as the role `ingest` stores it, and judged.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.scale_devices import RECORDS
from scripts.roost_bench.scale_rows import without_broker
from scripts.roost_bench.scale_site import ScaleSite, wait_for

GOALS = (
    Goal("sessions", at_least=1000),
    Goal("cost_growth", at_most=1.3),
    Goal("late_records", at_most=0),
    Goal("without_broker.store_growth", at_most=1.3),
    Goal("without_broker.judge_growth", at_most=1.3),
)
COMPARED_WITH = (
    "a tenth of the fleet, in the same run: processor time of broker, database and roles for one message; memory is "
    "proportional set size, processor time that of every process of a part. Cost: while batches come as fast as the "
    "broker takes them. Without the broker: seconds for each device of a hundred"
)

_FEW: Final = 100
_MANY: Final = 1000
_EVERY_S: Final = 6.0  # ten times as often as devices do by default
_DEFAULT_EVERY_S: Final = 60.0
_BURST: Final = 10  # batches of each device, as fast as the broker takes them
_PAGES: Final = 20
_LATE_MS: Final = 60_000.0
_PAGES_OF: Final = {"api", "dashboard"}  # who serve pages, and take no messages in


def run(options: Options) -> Result:
    """Grow a fleet."""
    few, many = (10, 100) if options.quick else (_FEW, _MANY)
    times = 3 if options.quick else 20
    with tempfile.TemporaryDirectory() as name, ScaleSite(Path(name)) as site:
        empty = site.memory_mb()
        small = _measure(site, few, few, times)
        large = _measure(site, many - few, many, times)
    growth = large["burst"]["cpu_ms_per_message_all"] / small["burst"]["cpu_ms_per_message_all"]
    return {
        "sessions": large["sessions"],
        "cost_growth": growth,
        "late_records": large["steady"]["late"] + large["burst"]["late"],
        "memory_mb_empty": empty,
        "fleets": [small, large],
        "for_a_device": _for_a_device(small, large),
        "without_broker": without_broker(*((100, 1000) if options.quick else (100, 10_000)), rounds=3),
    }


def _measure(site: ScaleSite, more: int, devices: int, times: int) -> dict[str, Any]:
    enrolled_per_s = site.enrol(more)
    online_s = site.connect()
    found: dict[str, Any] = {
        "devices": devices,
        "enrolled_per_s": round(enrolled_per_s, 1),
        "all_online_s": round(online_s, 2),
        "sessions": sum(one.connected for one in site.look()),
        "steady": _tell(site, devices, times, _EVERY_S),
        "burst": _tell(site, devices, _BURST, 0.0),
        "all_assigned_s": round(site.assign(), 2),
        "rolled_out_s": round(site.roll_out(), 2),
    }
    still = sum(one.connected for one in site.look())
    return found | {"sessions": min(found["sessions"], still), "memory_mb": site.memory_mb()}


def _tell(site: ScaleSite, devices: int, times: int, every_s: float) -> dict[str, Any]:
    """Have all tell, until the cloud has said that it has it all."""
    before, began_s = site.cpu_s(), time.perf_counter()
    already = sum(one.covered for one in site.look())
    site.tell(times, every_s)
    pages = _look(site) if every_s else {}
    lags_ms: list[float] = []
    wanted = already + devices * times

    def is_covered() -> bool:
        told = site.look()
        lags_ms.extend(lag for one in told for lag in one.lags_ms)
        return sum(one.covered for one in told) >= wanted

    wait_for(is_covered, f"{devices * times} batches are with the cloud")
    took_s = time.perf_counter() - began_s
    spent = {part: after - before[part] for part, after in site.cpu_s().items()}
    messages = devices * times
    return {
        "messages": messages,
        "messages_per_s": round(messages / took_s, 1),
        "records_per_s": round(RECORDS * messages / took_s, 1),
        "covered_ms": {
            "p50": round(statistics.median(lags_ms), 1),
            "p99": round(statistics.quantiles(lags_ms, n=100)[98], 1),
        },
        "late": sum(lag > _LATE_MS for lag in lags_ms),
        **pages,
        "cpu_ms_per_message": {part: round(1e3 * seconds / messages, 3) for part, seconds in spent.items()},
        "cpu_ms_per_message_all": 1e3 * sum(spent[part] for part in spent.keys() - _PAGES_OF) / messages,
        "cores_busy": round(sum(spent.values()) / took_s, 2),
    }


def _look(site: ScaleSite) -> dict[str, float]:
    """As a person does who watches the fleet."""
    return {
        "devices_page_ms": round(site.page_ms("/api/v1/devices?limit=100", _PAGES), 1),
        "fleet_page_ms": round(site.fleet_page_ms(_PAGES), 1),
    }


def _for_a_device(small: dict[str, Any], large: dict[str, Any]) -> dict[str, float]:
    """What one more device costs, at a window a minute."""
    more = large["devices"] - small["devices"]
    total = {one["devices"]: sum(one["memory_mb"].values()) for one in (small, large)}
    a_message_ms = large["steady"]["cpu_ms_per_message_all"]
    return {
        "memory_kb": round((total[large["devices"]] - total[small["devices"]]) * 1e3 / more, 1),
        "cores": round(a_message_ms / 1e3 / _DEFAULT_EVERY_S, 7),
        "devices_a_core": round(_DEFAULT_EVERY_S * 1e3 / a_message_ms),
    }
