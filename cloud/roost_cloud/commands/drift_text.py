"""An alarm in words, for people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from roost_cloud.commands.output import number, when

__all__ = ["among_words", "explained"]

_CAUSES = {
    "input": "the inputs changed: what is seen, not the model",
    "model": "the model changed: the baseline contestant says of the same inputs what it always did",
    "unknown": "inputs or model: no baseline contestant that could tell them apart",
}


def explained(alarm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An alarm's fields, as `GET /alarms/{alarm}` gives it."""
    yield "alarm", f"{alarm['id']}, {alarm['state']}{', muted' if alarm['is_muted'] else ''}"
    yield "device", alarm["device"]
    yield "task", f"{alarm['task']}, {alarm['contestant'] or 'its answers'} {alarm['bundle'] or ''}".strip()
    yield "kind", alarm["kind"]
    yield "summary", alarm["summary"]
    for one in alarm["moved"]:
        yield "moved", _moved(one)
    yield "cause", _CAUSES[alarm["cause"]]
    yield (
        "since",
        f"{_when(alarm['since'])}, found {_when(alarm['opened_at'])}, last so {_when(alarm['last_exceeded_at'])}",
    )
    yield "decisions", f"{alarm['decisions_exceeded']} of {alarm['decisions_looked_at']} beyond the threshold"
    yield "distance", f"{number(alarm['distance'])}, threshold {number(alarm['threshold'])} {_threshold(alarm)}"
    yield from _around(alarm)
    for word in ("acknowledged", "resolved"):
        if alarm[f"{word}_at"] is not None:
            yield word, f"{_when(alarm[f'{word}_at'])} by {alarm[f'{word}_by']}"
    if alarm["note"]:
        yield "note", alarm["note"]


def _around(alarm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What an alarm is shown with."""
    if alarm["unsteady"]:
        yield "baseline", alarm["unsteady"]
    if alarm["among"] is not None:
        yield "among", among_words(alarm["among"])
    if alarm["cohort_among"] is not None:
        yield "cohort", f"{alarm['together']['label']}: {among_words(alarm['cohort_among'])}"
    if alarm["together"] is not None:
        label = alarm["together"]["label"] or "at the same time"
        yield "together", f"{label}: {' '.join(alarm['together']['devices'])}"
    for one in alarm["samples"]:
        where = "" if one["has_input"] else ", its input is not in the cloud"
        yield "sample", f"{one['device']}/{one['sample']} answered {one['label']}{where}"
    if any(not one["has_input"] for one in alarm["samples"]):
        yield "inputs", f"have them brought first: roost drift inputs {alarm['id']}"


def among_words(one: dict[str, Any]) -> str:
    """Where a device or a cohort stands among others."""
    which = "the bundle's reference" if one["by"] == "bundle" else "other devices"
    where = f"{one['share']:.1%} of devices stand as far off {which} ({one['of_devices']})"
    return f"{where}, by {one['farthest']} most: shown, and no reason for alarm"


def _moved(one: dict[str, Any]) -> str:
    name = one.get("word") or one["what"]
    if one.get("labels"):
        name = f"{one['what']} ({', '.join(one['labels'])})"
    if one["deviations"] is None:
        return f"{name}: it had never moved before"
    shares = "" if one.get("before") is None else f", from {one['before']:.1%} to {one['now']:.1%}"
    return f"{name}: {one['deviations']:+.1f} deviations{shares}"


def _threshold(alarm: dict[str, Any]) -> str:
    way = {"replay": "by replay", "leaving_out": "by leaving devices out"}.get(alarm["threshold_by"], "")
    return way if alarm["budget_is_promised"] else f"{way}; the budget cannot be promised yet"


def _when(text: str) -> str:
    return when(datetime.fromisoformat(text)) or ""
