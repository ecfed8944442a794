"""How often the drift test alarms for nothing, what it sees, what it costs; and whether the alarm budget is kept."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from roost_cloud.drift.test import DriftTest
from roost_shared.sketches import Moments
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.drift_harms import HARMS, SEVERITIES, harmed
from scripts.roost_bench.drift_phi import phi_cost
from scripts.roost_bench.drift_pictures import Floats, Pictures, digits, families, phi_of
from scripts.roost_bench.drift_weeks import delays, weeks
from scripts.roost_bench.drift_world import grouped, said_by_peers

GOALS = (
    Goal("exchangeable_points_off", at_most=0.4, unit="%"),
    Goal("exchangeable_power", at_least=0.99),
    Goal("grouped.false_alarms", at_most=0.02),
    Goal("grouped.power", at_least=0.95),
    Goal("weeks_over_budget", at_most=1.25),
    Goal("bytes", at_most=100, unit="bytes"),
    Goal("ms", at_most=0.1, unit="ms"),
    Goal("phi_share", at_most=0.03),
)
COMPARED_WITH = (
    "nothing: false alarms against their nominal 1 %, at 50, 100, 200 and 500 inputs a decision (the worst); power is "
    "the worst of six harms × three severities at 100 inputs; grouped: unseen devices with an appearance of their "
    "own and jitter from window to window, power at middle and severe; weeks: the worst of three budgets and five "
    "kinds of streams, on streams not calibrated with; φ: its time by inference's, in the same run, of the model that "
    "it costs most. Peers, on grouped devices, in the same run: each compares all inputs of a window"
)

ALPHA: Final = 0.01
SIZES: Final = (50, 100, 200, 500)  # inputs of a decision
JUDGED_AT: Final = 100
DEVICES: Final = 30
COMMISSIONING: Final = 20  # windows
LEAST_PHOTOS: Final = 25  # of a family of meters that is a device
NATURAL: Final = ("ht", "waerme", "lcd", "wassertemperatur-dec", "roi-a")  # families that look different


def run(options: Options) -> Result:
    """Measure all; a quick run with few windows."""
    random = np.random.default_rng(9)
    fleets, judged = (4, 10) if options.quick else (40, 17)
    exchangeable = _exchangeable([digits()] * DEVICES, fleets, judged, random)
    found: dict[str, Any] = {
        "exchangeable": exchangeable,
        "exchangeable_points_off": max(100 * abs(one["false_alarms"] - ALPHA) for one in exchangeable),
        "exchangeable_power": next(one["power"] for one in exchangeable if one["n"] == JUDGED_AT),
        "grouped": grouped(random, unseen=60 if options.quick else 500),
        "weeks": weeks(random, fleets=2 if options.quick else 30),
        "delay_decisions": delays(random, streams=40 if options.quick else 400),
        "peers": said_by_peers(random, devices=5 if options.quick else 40),
        "meters": None,
        "natural": None,
        **_cost(random),
    }
    found["phi"] = phi_cost(options.data, seconds=1 if options.quick else 10)
    found["phi_share"] = max(one["share"] for one in found["phi"].values())
    found["weeks_over_budget"] = max(one["false_alarms_per_week"] / one["budget"] for one in found["weeks"])
    if options.data is not None:
        meters = families(options.data)
        large = [pictures for pictures in meters.values() if len(pictures) >= LEAST_PHOTOS]
        found["meters"] = _exchangeable(large, 2 * fleets, judged, random)
        found["natural"] = _natural(meters, random)
    return found


def _exchangeable(
    devices: Sequence[Pictures], fleets: int, judged: int, random: np.random.Generator
) -> list[dict[str, Any]]:
    """Windows drawn from what each device has shown: whatever exceeds the threshold does so by chance."""
    distinct = {id(one): one for one in devices}
    clean = {key: phi_of(pictures) for key, pictures in distinct.items()}
    harms = {
        (harm, severity): {key: phi_of(harmed(pictures, harm, severity, random)) for key, pictures in distinct.items()}
        for harm in HARMS
        for severity in range(len(SEVERITIES))
    }
    found = []
    for inputs in SIZES:
        false: list[bool] = []
        seen: dict[tuple[str, int], list[bool]] = {case: [] for case in harms}
        for _ in range(fleets):
            commissioned = [draw(clean[id(one)], inputs, COMMISSIONING, random) for one in devices]
            test = DriftTest.fit(commissioned)
            threshold = test.threshold(ALPHA)
            for own, pictures in zip(commissioned, devices, strict=True):
                baseline = test.baseline(own)
                fresh = draw(clean[id(pictures)], inputs, judged, random)
                false.extend((test.distance(baseline, fresh) > threshold).tolist())
                for case, shown in harms.items():
                    changed = draw(shown[id(pictures)], inputs, 2, random)
                    seen[case].extend((test.distance(baseline, changed) > threshold).tolist())
        power = {f"{harm} {SEVERITIES[severity]}": float(np.mean(seen[harm, severity])) for harm, severity in harms}
        found.append(
            {
                "n": inputs,
                "windows": len(false),
                "false_alarms": float(np.mean(false)),
                "power": min(power.values()),
                "powers": power,
            }
        )
    return found


def _natural(meters: Mapping[str, Pictures], random: np.random.Generator) -> dict[str, float]:
    """Of windows from meters that were never seen, the share that exceeds a threshold learnt on others.

    An illustration: the families are small, and drawn from with replacement.
    """
    phi = {name: phi_of(pictures) for name, pictures in meters.items()}
    known = np.concatenate([measured for name, measured in phi.items() if name not in NATURAL])
    commissioned = [draw(known, JUDGED_AT, COMMISSIONING, random) for _ in range(DEVICES)]
    test = DriftTest.fit(commissioned)
    baseline, threshold = test.baseline(commissioned[0]), test.threshold(ALPHA)
    return {
        name: float((test.distance(baseline, draw(phi[name], JUDGED_AT, 200, random)) > threshold).mean())
        for name in NATURAL
        if name in phi
    }


def draw(phi: Floats, inputs: int, windows: int, random: np.random.Generator) -> Floats:
    """Mean φ of windows of inputs drawn with replacement, as precise as on the wire."""
    means = phi[random.integers(len(phi), size=(windows, inputs))].mean(axis=1)
    sent: Floats = means.astype(np.float32).astype(np.float64)
    return sent


def _cost(random: np.random.Generator) -> dict[str, float]:
    """What a drift vector takes on the wire, and a test of the processor."""
    phi = phi_of(digits())
    commissioned = [draw(phi, JUDGED_AT, COMMISSIONING, random) for _ in range(DEVICES)]
    test = DriftTest.fit(commissioned)
    baseline, window, took_ns = test.baseline(commissioned[0]), commissioned[1][0], []
    for _ in range(2000):
        began_ns = time.perf_counter_ns()
        test.distance(baseline, window)
        took_ns.append(time.perf_counter_ns() - began_ns)
    moments = Moments(kind=1, source=2**32 - 1, size=phi.shape[1])
    for values in phi[:JUDGED_AT].tolist():
        moments.update(values)
    return {"bytes": len(moments.to_bytes()), "ms": statistics.median(took_ns) / 1e6}
