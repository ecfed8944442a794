"""Rollouts over real devices: a real cloud and agents as processes, signed bundles, and traffic all the while."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.changeover_rig import fast, slow
from tests.support.rollout_site import RolloutSite

SHADOW = '[[stages]]\nname = "shadow"\nmode = "shadow"\ndevices = ["cam-01"]\n'
ALL = '[[stages]]\nname = "all"\nshare = 1.0\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RolloutSite]:
    folder = tmp_path_factory.mktemp("rollout")
    with RolloutSite(folder, "cam-01", "cam-02") as made:
        yield made


def test_a_good_candidate_comes_to_all_and_bad_ones_are_stopped_before_they_answer(
    site: RolloutSite, tmp_path: Path
) -> None:
    first, second, turned = (
        fast(tmp_path / "1", "1"),
        fast(tmp_path / "2", "2"),
        fast(tmp_path / "3", "3", turned=True),
    )
    site.release(first, second, turned, slow(tmp_path / "4", "4"))
    site.assign("argmax:1", shadow_inputs=5, watch_inputs=10, watch_s=1, p95_ms=40)
    with site.traffic() as answers:
        # A good one: it scores beside the other on one device, which windows tell of, and answers on all.
        good = site.until_over(site.start("argmax:2", SHADOW + ALL, "inputs = 20\nepsilon = 0.2"))
        assert (good["state"], good["devices"]) == ("finished", {"confirmed": 2}), site.story(good["id"])
        for device in site.agents:
            (install,) = site.installs(device)
            assert (install["bundle"], install["phase"]) == (second.reference, "confirmed")
            evidence = install["evidence"]
            assert evidence["golden_hash"].startswith("sha256:")
            assert evidence["hardware"]
            assert evidence["scored"] >= 10
            assert (evidence["crashes"], evidence["p95_ms"] <= 40) == (0, True)

        # One that says something else, though nobody predicted that it would: stopped while it is a shadow.
        surprising = site.until_over(site.start("argmax:3", SHADOW + ALL, "predicted = 0.0"))
        assert (surprising["state"], surprising["devices"]) == ("stopped", {"returned": 1}), site.story(
            surprising["id"]
        )
        assert "it disagrees on" in surprising["reason"]

        # One that takes too long: its first device will not have it, and nobody else is asked.
        lame = site.until_over(
            site.start("argmax:4", ALL.replace("share = 1.0", 'devices = ["cam-02"]') + ALL.replace("all", "rest"))
        )
        assert (lame["state"], lame["devices"]) == ("stopped", {"returned": 1}), site.story(lame["id"])
        assert "install.slow" in lame["reason"]

    assert {answer["bundle"] for answer in answers} == {first.reference, second.reference}
    assert all(answer["deadline_met"] and answer["reason"] == "preferred" for answer in answers)
    for device in site.agents:
        assert [one["bundle"] for one in site.installs(device)] == [second.reference]
