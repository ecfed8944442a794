"""Rollouts over real devices: a real cloud and agents as processes, signed bundles, and traffic all the while."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_shared.bundle import Bundle
from roost_shared.records import WindowRecord, decode_record
from roost_shared.sketches import Disagreements
from roost_shared.sketches.disagreements import Compared
from tests.support.agent import without_starved
from tests.support.changeover_rig import fast, slow
from tests.support.rollout_site import TASK, RolloutSite

SHADOW = '[[stages]]\nname = "shadow"\nmode = "shadow"\ndevices = ["cam-01"]\n'
ALL = '[[stages]]\nname = "all"\nshare = 1.0\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RolloutSite]:
    folder = tmp_path_factory.mktemp("rollout")
    with RolloutSite(folder, "cam-01", "cam-02") as made:
        yield made


def comparisons(site: RolloutSite, bundle: Bundle) -> list[Compared]:
    """How often windows say that a bundle's shadow was compared with what it shall replace, and differed."""
    found = []
    for one in site.cloud.windows(TASK):
        window = decode_record(one.record)
        assert isinstance(window, WindowRecord)
        if window.contestant == "primary.candidate" and window.bundle == bundle.reference and window.count:
            found.append(Disagreements.from_bytes(window.sketches["disagreements"]).of("primary"))
    return found


@pytest.mark.campaign  # the demo rolls out over real devices in every run, good and bad ones
@pytest.mark.timeout(300)  # a second of which is 5 where all processors are busy
def test_a_good_candidate_comes_to_all_and_bad_ones_are_stopped_before_they_answer(
    site: RolloutSite, tmp_path: Path
) -> None:
    first, second, turned = (
        fast(tmp_path / "1", "1"),
        fast(tmp_path / "2", "2"),
        fast(tmp_path / "3", "3", turned=True),
    )
    site.release(first, second, turned, slow(tmp_path / "4", "4", turns=150_000))
    site.assign("argmax:1", shadow_inputs=5, watch_inputs=10, watch_s=5, p95_ms=150)
    with site.traffic() as answers:
        # A good one: it scores beside the other on one device, which windows tell of, and answers on all.
        good = site.until_over(site.start("argmax:2", SHADOW + ALL, "inputs = 20\nepsilon = 0.2"))
        assert (good["state"], good["devices"]) == ("finished", {"confirmed": 2}), site.story(good["id"])
        for device in site.agents:
            (install,) = site.installs(device)
            assert (install["bundle"], install["phase"]) == (second.reference, "confirmed")
            evidence = install["evidence"]
            assert len(evidence["golden_hash"]) == 64
            assert evidence["hardware"]
            assert evidence["scored"] >= 1
            assert (evidence["crashes"], evidence["p95_ms"] <= 150) == (0, True)

        # One that says something else where the other is right: people who are asked blindly say so.
        worse = site.start("argmax:3", SHADOW + ALL, "inputs = 1")
        site.label(worse, "two", 20)
        told = site.until_over(worse)
        assert (told["state"], told["devices"]) == ("stopped", {"returned": 1}), site.story(worse)
        assert "where the two disagree it is worse: 0 won" in told["reason"]
        assert told["labels"]["losses"] >= 20
        counted = comparisons(site, turned)
        assert sum(one.compared for one in counted) == sum(one.differed for one in counted) >= 20

        # One that takes too long: its first device will not have it, and nobody else is asked.
        lame = site.until_over(
            site.start("argmax:4", ALL.replace("share = 1.0", 'devices = ["cam-02"]') + ALL.replace("all", "rest"))
        )
        assert (lame["state"], lame["devices"]) == ("stopped", {"returned": 1}), site.story(lame["id"])
        assert "install.slow" in lame["reason"]

    for device, agent in site.agents.items():
        fair = without_starved(answers[device], agent, TASK, "primary")
        assert {answer["bundle"] for answer in fair} == {first.reference, second.reference}
        assert all(answer["deadline_met"] for answer in fair)
        assert [one["bundle"] for one in site.installs(device)] == [second.reference]
