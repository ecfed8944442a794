"""The status document for a person: what `roost-agent status` prints. Pure."""

from typing import Any

__all__ = ["summarise"]

_NOT_KEPT = (
    ("not_kept", "not kept"),
    ("acknowledged_early", "acknowledged before they were durable"),
    ("records_lost", "records lost"),
)


def summarise(status: dict[str, Any]) -> str:
    """The document for a person, a line for the agent, each task and each contestant."""
    lines = [
        f"{status['tenant']}/{status['device']}: up {status['uptime_s']:.0f} s, {_broker(status['broker'])}"
        + (f", problem {status['problem']}" if status["problem"] else "")
    ]
    lines += _cloud(status["cloud"])
    if status["assignment"] is not None:
        lines.append(f"  {_assignment(status['assignment'])}")
    for name, task in status["tasks"].items():
        lines.append(
            f"  {name}: {task['answers']} answers, {task['by_deadline']} by the deadline,"
            f" p50 {_ms(task['latency_ms']['p50'])}, p99 {_ms(task['latency_ms']['p99'])}"
        )
        for contestant, one in task["contestants"].items():
            how = _asked(one) if one["where"] == "cloud" else _served(one)
            agreement = _agreement(task["agreement"].get(contestant))
            lines.append(f"    {contestant} ({one['role']}): {how}{agreement}")
    if status["capture"] is not None:
        lines.append(f"  {_capture(status['capture'])}")
    for name, folder in status["folders"].items():
        unwritten = f", {folder['unwritten']} answers the disk refuses" if folder["unwritten"] else ""
        lines.append(f"  {name}: {folder['taken']} inputs from {folder['path']}{unwritten}")
    if status["http"] is not None:
        listening = f"at {status['http']['address']}" if status["http"]["address"] else "not listening"
        lines.append(f"  http: {status['http']['inputs']} inputs, {listening}")
    lines += [f"  {count} x {code}" for code, count in sorted(status["complaints"].items())]
    return "\n".join(lines)


def _broker(connection: dict[str, Any]) -> str:
    rejected = connection["publishes_rejected"]
    refusing = f", which refused {rejected} of our messages" if rejected else ""
    return f"broker {'connected' if connection['connected'] else 'away'}{refusing}"


def _cloud(cloud: dict[str, Any]) -> list[str]:
    """A line on the cloud, if there is anything to say of it."""
    parts = []
    if cloud["broker"] is not None:
        parts.append(_broker(cloud["broker"]))
    link = cloud["link"]
    if link is not None:
        limit = f" of {link['bytes_per_day']}" if link["bytes_per_day"] else ""
        parts.append(f"link {link['state']}, {link['bytes_today']}{limit} bytes asked in 24 hours")
    if cloud["shrinking"]["shrunken"]:
        parts.append(
            f"{cloud['shrinking']['shrunken']} pictures shrunken, {cloud['shrinking']['saved_bytes']} bytes less"
        )
    if cloud["identity"]["expires_at"] is not None:
        parts.append(f"certificate until {cloud['identity']['expires_at']}")
    if cloud["identity"]["problem"] is not None:
        parts.append(f"problem {cloud['identity']['problem']['code']}: {cloud['identity']['problem']['message']}")
    return [f"  cloud: {', '.join(parts)}"] if parts else []


def _assignment(assignment: dict[str, Any]) -> str:
    """What the device runs of what the cloud assigns."""
    if not assignment["version"]:
        parts = ["none in force"]
    else:
        parts = [f"version {assignment['version']}{'' if assignment['confirmed'] else ', not confirmed yet'}"]
    if assignment["desired"] > assignment["version"]:
        parts.append(f"version {assignment['desired']} desired")
    if assignment["phase"] != "idle":
        parts.append(assignment["phase"])
    under_way = sorted({one["phase"] for one in assignment["installs"]} - {"confirmed"})
    if under_way and not assignment["problem"]:
        parts.append(f"bundles {' and '.join(under_way)}")
    if assignment["trust"] not in ("unchecked", "fresh"):
        parts.append(f"trust {assignment['trust']}")
    if assignment["problem"]:
        parts.append(f"problem {assignment['problem']['code']}: {assignment['problem']['message']}")
    return f"assignment: {', '.join(parts)}"


def _capture(capture: dict[str, Any]) -> str:
    """How keeping inputs fares."""
    spool = capture["spool"]
    parts = [f"{capture.get('durable', 0)} inputs kept"]
    if spool:
        waiting = sum(spool["entries"].values())
        parts.append(f"{waiting} wait for their upload, {spool['entry_bytes']} bytes")
        parts.append(f"{spool['upload']['inputs']} uploaded")
        parts += [f"{count} dropped ({reason})" for reason, count in sorted(spool["dropped"].items())]
    told = capture.get("monitor", {}).get("windows")
    if told:
        parts.append(f"{told} windows told of")
    parts += [f"{capture[what]} {words}" for what, words in _NOT_KEPT if capture.get(what)]
    problem = spool["upload"]["problem"] if spool else None
    if problem is not None:
        parts.append(f"problem {problem['code']}: {problem['message']}")
    return f"capture: {', '.join(parts)}"


def _served(one: dict[str, Any]) -> str:
    """How a local contestant fares."""
    shared = f", on one base with {' and '.join(one['shares_base_with'])}" if one["shares_base_with"] else ""
    error = f", last error {one['last_error']['message']}" if one["last_error"] else ""
    return (
        f"{one['state']}, {one['bundle'] or 'no bundle'},"
        f" p50 {_ms(one['p50_ms'])}, p99 {_ms(one['p99_ms'])}, {one['restarts']} restarts{shared}{error}"
    )


def _asked(one: dict[str, Any]) -> str:
    """How a cloud contestant fares."""
    declined = "".join(f", {count} x {code}" for code, count in sorted(one["declined"].items()))
    return (
        f"in the cloud, link {one['state']}, asked {one['asked']}, answered {one['answered']}, lost {one['lost']},"
        f" late {one['late']}, p50 {_ms(one['p50_ms'])}, p95 {_ms(one['p95_ms'])}{declined}"
    )


def _agreement(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    return f", said as the answer {counts['agreeing']} times of {counts['compared']}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
