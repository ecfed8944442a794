"""What the demo found: the JSON report, and the same as tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from scripts.roost_demo.agreement import Agreement, total
from scripts.roost_demo.capture import Arrived, reason_named
from scripts.roost_demo.contestants import Contestant
from scripts.roost_demo.house import House
from scripts.roost_demo.outcomes import Outcome, faults, is_flawless, summarise

__all__ = [
    "act_line",
    "cloud_lines",
    "describe_cloud",
    "drained_line",
    "drift_line",
    "fleet_line",
    "input_table",
    "keeps_promise",
    "make_report",
    "mission",
    "renewal_line",
    "story_lines",
    "summary_table",
    "verdict",
]

Summary = Mapping[str, Any]

_MOMENTS: Final = {
    "spooled_at_cut": "in the spool at the cut",
    "spooled_at_mend": "in the spool when mended",
    "spooled": "in the spool at the end",
    "uploaded": "uploaded",
    "in_cloud": "in the cloud",
}


def make_report(
    outcomes: Sequence[Outcome],
    *,
    acts: Sequence[Mapping[str, Any]],
    task: str,
    deadline_ms: int,
    contestants: Sequence[Contestant],
    unexpected: int,
    agreement: Mapping[str, Agreement],
    shared: bool,
    parts: Mapping[str, Any],
) -> dict[str, Any]:
    """The report.

    Args:
        outcomes: of all pictures.
        acts: what to say of each act beside its figures, in order.
        task: the task's name.
        deadline_ms: the task's deadline.
        contestants: who took part.
        unexpected: answers nobody had asked for.
        agreement: what each device counts of agreement with its answers.
        shared: the shadow runs in the primary's process.
        parts: that others describe: `cloud` (`describe_cloud`), `escalation` (`measure_escalation`), `capture`
            (`Spools.describe`), `new_versions` (`NewVersions.describe`), `drift`
            (`DirtyLens.describe`), `replay` (`replay_other_bar`), `story` (`Story.describe`, or null) and `accuracy`
            (`accuracies`).

    Of the whole mission it has at its top, beside `accuracy` (`before`, `drifted`, `after`, and of `all` answers):
    `alarm` (`delay_windows`, `explanation`), `labels_used` (for training, and where candidate and primary disagreed),
    `train_s`, `bundle_bytes_shipped` (to all devices together), and `rollout`: devices that `confirmed`, `failed`, or
    were `reverted` from it.
    """
    summary = summarise(outcomes)
    devices = sorted({outcome.device for outcome in outcomes})
    return {
        **summary,
        "unexpected": unexpected,
        "task": task,
        "deadline_ms": deadline_ms,
        "by_act": [
            {**act, **summarise([one for one in outcomes if one.act == number])}
            for number, act in enumerate(acts, start=1)
        ],
        "devices": {
            device: {
                **summarise([one for one in outcomes if one.device == device]),
                "agreement": agreement.get(device, {}),
            }
            for device in devices
        },
        "agreement": total(agreement.values()),
        "shadow_shares_process": shared,
        "contestants": [
            {"name": one.name, "role": one.role, "bundle": one.bundle.reference, "accuracy": one.accuracy}
            for one in contestants
        ],
        **parts,
        "accuracy": {**parts["accuracy"], "all": summary["accuracy"]},
        **mission(parts),
    }


def mission(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the whole story."""
    drift, story, confirmed = parts["drift"], parts["story"], parts["new_versions"]["confirmed"]
    alarms = drift["alarms"]
    good = None if story is None else story["rollouts"]["good"]
    return {
        "alarm": {
            "delay_windows": drift["delay_windows"],
            "explanation": "; ".join(f"{one['device']}: {one['summary']}" for one in alarms) or None,
        },
        "labels_used": 0 if story is None else story["labels"]["training"] + story["labels"]["disagreed"],
        "train_s": None if story is None else story["train_s"],
        "bundle_bytes_shipped": sum(one["fetched_bytes"] for one in confirmed.values()),
        "rollout": {
            "confirmed": len(confirmed) if good is None else len(good["confirmed"]),
            "failed": 0 if good is None else good["failed"],
            "reverted": 0 if good is None else good["returned"],
        },
    }


def keeps_promise(report: Summary) -> bool:
    """Whether every answer came once and in time, every input kept once, and of new versions only the good one."""
    return (
        is_flawless(report)
        and bool(report["capture"]["exactly_once"])
        and bool(report["new_versions"]["as_expected"])
        and bool(report["drift"]["as_expected"])
        and (report["story"] is None or bool(report["story"]["as_expected"]))
    )


def describe_cloud(house: House) -> dict[str, Any]:
    """What putting the bundles into the registry took, and the devices as the cloud sees them."""
    return {
        "pushes": [asdict(push) for push in house.pushes],
        "devices": {device.device: msgspec.to_builtins(device) for device in house.cloud.fleet()},
    }


def cloud_lines(house: House) -> Iterator[str]:
    """What the cloud holds once everything is up, a line each."""
    for push in house.pushes:
        there = f", {push.present_bytes / 1000:.0f} kB were there" if push.present_bytes else ""
        yield f"registry  {push.bundle.partition('@')[0]}: {push.sent_bytes / 1000:.0f} kB sent{there}"
    for device in house.cloud.fleet():
        until = (
            ""
            if device.certificate_expires_at is None
            else f", certificate until {device.certificate_expires_at:%Y-%m-%d}"
        )
        yield f"{device.device:8}  enrolled and {device.state}{until}"


def fleet_line(cloud: Mapping[str, Any]) -> str:
    """How the devices stand with the cloud at the end."""
    stand = ", ".join(f"{name} {device['state']}" for name, device in cloud["devices"].items())
    return f"The cloud sees: {stand}."


def renewal_line(renewal: Mapping[str, Any]) -> str:
    """What became of the primary's successors."""
    took = ", ".join(f"{name} after {one['seconds']:g} s" for name, one in renewal["confirmed"].items()) or "nobody"
    refused = [
        f"the {what} one was {'not refused' if one is None else 'refused by ' + one['device']}"
        for what in ("tampered", "slow")
        for one in (renewal[what],)
    ]
    return f"The primary's successor was taken by {took}; {', '.join(refused)}."


def drift_line(drift: Mapping[str, Any]) -> str:
    """What the cloud made of the dirty lenses."""
    named = ", ".join(one["device"] for one in drift["alarms"]) or "none"
    after = "" if drift["noticed_s"] is None else f" after {drift['noticed_s']:g} s"
    return f"Lenses were dirty on {' and '.join(drift['dirty'])}; the cloud named {named}{after}."


def story_lines(report: Summary) -> Iterator[str]:
    """What came of the alarms, a sentence each."""
    story = report["story"]
    if story is None:
        return
    labels, good, worse = story["labels"], story["rollouts"]["good"], story["rollouts"]["worse"]
    refined, refused = story["runs"]["refined"], story["runs"]["refused"]
    if refined is not None:
        yield (
            f"{labels['training']} labels and {report['train_s']:.1f} s made {refined['candidate']} of "
            f"{refined['incumbent']}: {refined['state']}."
        )
    if good is not None:
        yield (
            f"Its rollout {good['state']} after {good['seconds']:g} s and {labels['disagreed']} labels where the two "
            f"disagreed: {len(good['confirmed'])} devices confirmed, {good['failed']} failed, "
            f"{report['bundle_bytes_shipped'] / 1000:.1f} kB shipped."
        )
    if refused is not None:
        yield f"What learnt wrong labels was {refused['state']}: {'; '.join(refused['failed'])}."
    if worse is not None:
        exposed = ", ".join(worse["answering"]) or "nobody"
        yield f"What learnt others passed the gate and was {worse['state']} with {exposed} exposed: {worse['reason']}."


def summary_table(report: Summary) -> Table:
    """The report's figures, an act a line, then a device a line, then all; fits into 80 columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption_justify="left")
    table.caption = (
        f"in time: within {report['deadline_ms']} ms; p50, p99: milliseconds from input to answer, on the device"
    )
    table.add_column("", no_wrap=True)
    for heading in ("answers", "in time", "right", "primary", "backup", "cloud", "p50", "p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for act in report["by_act"]:
        table.add_row(act["title"], *_row(act))
    table.add_section()
    for device, summary in report["devices"].items():
        table.add_row(device, *_row(summary))
    table.add_section()
    table.add_row("all", *_row({**report, "accuracy": report["accuracy"]["all"]}), style="bold")
    return table


def input_table(capture: Summary) -> Table:
    """What became of the inputs that were kept, a device a column."""
    devices = capture["devices"]
    table = Table("inputs", box=SIMPLE_HEAD, pad_edge=False)
    for name in devices:
        table.add_column(name, justify="right")

    def add(heading: str, figures: Iterable[int]) -> None:
        table.add_row(heading, *map(str, figures))

    add("kept", (device["kept"] for device in devices.values()))
    reasons = Counter(reason for device in devices.values() for reason in device["kept_for"])
    for reason in reasons:
        add(f"  {reason_named(reason)}", (device["kept_for"].get(reason, 0) for device in devices.values()))
    for moment, heading in _MOMENTS.items():
        add(heading, (device[moment] for device in devices.values()))
    return table


def drained_line(arrived: Arrived, drained_s: float | None) -> str:
    """Whether the cloud has everything, once."""
    found = (
        f"{arrived.in_cloud} of {arrived.kept} inputs and what was said of {arrived.recorded} of {arrived.answers} "
        "answers are in the cloud"
    )
    if drained_s is not None:
        return f"{found} after {drained_s:.1f} s, each exactly once and as it was sent"
    return f"{found}, and {arrived.wrong} things that should not be there; that is not all, each once"


def verdict(report: Summary) -> str:
    """The last line: whether the promise held, and how good the answers were."""
    right = f"{report['accuracy']['all'] or 0:.1%} of the answers were right."
    kept = "every input that was kept is in the cloud, exactly once"
    if keeps_promise(report):
        return f"Every picture was answered once, by its deadline; {kept}. {right}"
    found = [f"{count} {fault}" for fault, count in faults(report).items() if count]
    if not report["answers"]:
        found.append("no picture was sent")
    if not report["capture"]["exactly_once"]:
        found.append(f"not {kept}")
    if not report["new_versions"]["as_expected"]:
        found.append("the devices did not take the better version, or took another")
    if not report["drift"]["as_expected"]:
        found.append("the cloud did not name the dirty lenses, or named others")
    if report["story"] is not None and not report["story"]["as_expected"]:
        found.append("the refined head did not come to all devices, or another candidate to one")
    return f"The promise did not hold: {', '.join(found)}. {right}"


def act_line(summary: Summary) -> str:
    """One line on what an act has shown."""
    by = ", ".join(f"{count} by {name}" for name, count in summary["by_contestant"].items())
    latency = summary["latency_ms"] or {"p50": 0.0, "p99": 0.0}
    back = summary.get("primary_back_s") or {}
    returned = "".join(f"; {device}'s primary back after {after_s:.1f} s" for device, after_s in back.items())
    return (
        f"{summary['by_deadline']} of {summary['answers'] + summary['lost']} answered by the deadline in "
        f"{summary['seconds']:.0f} s: {by}; "
        f"half within {latency['p50']:.1f} ms, 99 % within {latency['p99']:.1f} ms{returned}"
    )


def _row(summary: Summary) -> list[str]:
    latency = summary["latency_ms"] or {"p50": 0.0, "p99": 0.0}
    by = summary["by_contestant"]
    right = "-" if summary["accuracy"] is None else f"{summary['accuracy']:.1%}"
    counts = [summary["answers"], summary["by_deadline"]]
    shares = [by.get(name, 0) for name in ("primary", "backup", "cloud")]
    return [*map(str, counts), right, *map(str, shares), f"{latency['p50']:.1f}", f"{latency['p99']:.1f}"]
