"""What the demo assigns is an assignment that the cloud takes."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from roost_cloud.assignments.document import read_document
from scripts.roost_demo.contestants import Contestant
from scripts.roost_demo.terms import assignment

LOCAL = (("primary", "answer", "local"), ("backup", "answer", "local"), ("baseline", "baseline", "local"))
CLOUD = ("cloud", "answer", "cloud")


def bundle(version: str) -> Any:
    return SimpleNamespace(config=SimpleNamespace(name="digits", version=version))


@pytest.mark.parametrize("deadline_ms", [20, 200, 5000])
@pytest.mark.parametrize("named", [LOCAL, (*LOCAL, CLOUD)], ids=["local", "with cloud"])
def test_the_cloud_takes_the_demos_assignment(deadline_ms: int, named: tuple[tuple[str, str, str], ...]) -> None:
    contestants = [
        cast("Contestant", SimpleNamespace(name=name, role=role, bundle=bundle("1"), where=where))
        for name, role, where in named
    ]
    task = read_document(
        assignment("digits", deadline_ms, contestants, primary=bundle("6"), score_ms=deadline_ms)
    ).tasks["digits"]
    accepted = [rule.accept for rule in task.rules]
    assert [name for name in accepted if name != "cloud"] == ["primary", "primary", "backup", "primary", "backup"]
    assert ("cloud" in accepted) == (CLOUD in named)
    assert all(rule.after_ms < deadline_ms for rule in task.rules)
    bundles = {one.name: one.bundle for one in task.contestants}
    assert bundles.pop("cloud", None) is None
    assert bundles == {"primary": "digits:6", "backup": "digits:1", "baseline": "digits:1"}
