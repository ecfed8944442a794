"""One replay, as an engineer would ask for it: `roost replay`, with the pictures' true labels."""

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from scripts.roost_demo.cloud import DemoCloud

__all__ = ["BAR", "replay_command", "replay_line", "replay_other_bar"]

BAR: Final = 0.9  # below what the devices asked for: who was asked then is known, who was not cannot be
_PRIMARY: Final = "primary"


class _Share(msgspec.Struct, frozen=True):
    count: int
    share: float | None


class _Side(msgspec.Struct, frozen=True):
    asked: _Share
    right: _Share | None


class _Replay(msgspec.Struct, frozen=True):
    replayed: int
    left_out: dict[str, int]
    unknown_requests: _Share
    changed: _Share
    differs_from_recorded: _Share
    recorded: _Side
    would_be: _Side


def replay_command(task: str, since: datetime, until: datetime) -> list[str]:
    """The command, as the demo runs it but for files and formats."""
    span = ["--since", since.isoformat(timespec="milliseconds"), "--until", until.isoformat(timespec="milliseconds")]
    return ["replay", "--task", task, *span, "--bar", f"{_PRIMARY}={BAR}"]


def replay_other_bar(
    cloud: DemoCloud, folder: Path, truth: Mapping[str, str], task: str, since: datetime, until: datetime
) -> dict[str, Any]:
    """Replay what the cloud heard of in a span by another bar of the primary's.

    Args:
        cloud: what has the records.
        folder: for a file of labels.
        truth: labels by sample.
        task: the requests' task.
        since: the span's beginning.
        until: its end.

    Returns:
        The report's part: the `bar`; requests `replayed` and, by reason, `left_out`; `reproduced`, those whose own
        policy gave what was answered; `unknown`, those of which nobody knows what the cloud would have said;
        `changed`, those that would have got another label; and both as `recorded` and as it `would_be`,
        the share `asked` of the cloud and the `accuracy` against the true labels.

    Raises:
        ChildError: the replay failed.
    """
    labels = folder / "labels.csv"
    with labels.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("sample", "label"), *truth.items()])
    printed = cloud.roost(*replay_command(task, since, until), "--labels", str(labels), "--json")
    found = msgspec.json.decode(printed, type=_Replay)
    return {
        "bar": BAR,
        "replayed": found.replayed,
        "left_out": found.left_out,
        "reproduced": found.replayed - found.differs_from_recorded.count,
        "unknown": found.unknown_requests.count,
        "changed": found.changed.count,
        "recorded": _side(found.recorded),
        "would_be": _side(found.would_be),
    }


def replay_line(replay: Mapping[str, Any]) -> str:
    """What came of it, in a sentence."""
    was, would_be = replay["recorded"], replay["would_be"]
    return (
        f"{replay['replayed']} requests replayed: asked of the cloud {_percent(was['asked'])} → "
        f"{_percent(would_be['asked'])}, right {_percent(was['accuracy'])} → {_percent(would_be['accuracy'])}, "
        f"{replay['changed']} with another answer"
    )


def _side(side: _Side) -> dict[str, float | None]:
    return {"asked": side.asked.share, "accuracy": None if side.right is None else side.right.share}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
