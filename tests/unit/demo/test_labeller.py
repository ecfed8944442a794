"""Labels come from the truth, each input once, and go where people's labels go."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from scripts.roost_demo.house import House
from scripts.roost_demo.labeller import Labeller, Sample

SINCE = "2026-12-01T00:00:00+00:00"
TRUTH = {"a": "1", "b": "2", "c": "3"}


class _Cloud:
    """Answers as the API does, from a list."""

    def __init__(self, samples: list[tuple[str, str, str]]) -> None:
        self.samples = samples
        self.asked: list[dict[str, Any]] = []
        self.said: list[Any] = []

    def each(self, path: str, kind: type[Any], **query: Any) -> list[Any]:
        assert path == "/samples"
        self.asked.append(query)
        raw = [
            {"device": device, "sample": sample, "input": {"sha256": sha256}}
            for device, sample, sha256 in self.samples
            if device == query["device"]
        ]
        return msgspec.convert(raw, list[kind])  # type: ignore[valid-type]  # msgspec reads it at run time

    def call(self, method: str, path: str, _kind: type[Any], *, body: Any) -> dict[str, Any]:
        assert (method, path) == ("POST", "/labels")
        self.said.append(body)
        return {}


@pytest.fixture
def cloud() -> _Cloud:
    return _Cloud([("cam-02", "s1", "a"), ("cam-02", "s2", "b"), ("cam-03", "s3", "a"), ("cam-03", "s4", "x")])


@pytest.fixture
def labeller(cloud: _Cloud) -> Labeller:
    return Labeller(cast("House", SimpleNamespace(cloud=cloud)), "digits", lambda: TRUTH)


def test_what_is_chosen_has_its_input_in_the_cloud_and_other_bytes_each(cloud: _Cloud, labeller: Labeller) -> None:
    chosen = labeller.choose(["cam-02", "cam-03"], 10, since=SINCE)
    assert sorted(one.input.sha256 for one in chosen) == ["a", "b", "x"]
    assert all((asked["has_input"], asked["since"]) == ("true", SINCE) for asked in cloud.asked)


def test_only_what_is_known_is_labelled_and_not_chosen_again(cloud: _Cloud, labeller: Labeller) -> None:
    known = labeller.label(labeller.choose(["cam-02", "cam-03"], 10, since=SINCE))
    assert sorted(one.input.sha256 for one in known) == ["a", "b"] == sorted(labeller.digests)
    (said,) = cloud.said
    assert {one["label"] for one in said["labels"]} == {"1", "2"}
    assert [one.input.sha256 for one in labeller.choose(["cam-02", "cam-03"], 10, since=SINCE)] == ["x"]


def test_the_same_can_be_said_otherwise(cloud: _Cloud, labeller: Labeller) -> None:
    (sample,) = [one for one in cloud.each("/samples", Sample, device="cam-02") if one.sample == "s1"]
    labeller.label([sample], read=lambda truth: str(int(truth) + 1))
    assert cloud.said[-1]["labels"] == [{"device": "cam-02", "sample": "s1", "label": "2"}]


def test_of_nothing_nothing_is_said(cloud: _Cloud, labeller: Labeller) -> None:
    assert labeller.label([]) == []
    assert cloud.said == []
