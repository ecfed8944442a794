"""What is learned of the pictures that cloud contestants take."""

import pytest

from roost_edge.asking.sizes import Sizes
from roost_shared.questions import CloudScore, InputSize
from tests.support.link_rig import LinkRig

SMALL, LARGE = InputSize(20, 32), InputSize(224, 224)
OLD, NEW = "meter:1@sha256:aa", "meter:2@sha256:bb"


def test_a_size_is_known_once_a_score_has_told_it() -> None:
    sizes = Sizes(["big"])
    assert sizes.agreed(["big"]) is None
    sizes.learn("big", OLD, SMALL)
    assert sizes.agreed(["big"]) == SMALL


def test_a_size_is_forgotten_with_its_bundle() -> None:
    sizes = Sizes(["big"])
    sizes.learn("big", OLD, SMALL)
    sizes.learn("big", OLD, None)  # an error, of the same bundle
    sizes.learn("big", None, None)  # an error before there was a bundle
    assert sizes.agreed(["big"]) == SMALL
    sizes.learn("big", NEW, None)
    assert sizes.agreed(["big"]) is None
    sizes.learn("big", NEW, LARGE)
    assert sizes.agreed(["big"]) == LARGE


def test_all_must_be_of_one_mind() -> None:
    sizes = Sizes(["big", "huge"])
    sizes.learn("big", OLD, SMALL)
    assert sizes.agreed(["big", "huge"]) is None
    sizes.learn("huge", NEW, LARGE)
    assert sizes.agreed(["big", "huge"]) is None
    sizes.learn("huge", NEW, SMALL)
    assert sizes.agreed(["big", "huge"]) == SMALL
    assert sizes.agreed([]) is None


def test_contestants_without_downscale_are_sent_what_came() -> None:
    sizes = Sizes(["big"])
    sizes.learn("big", OLD, SMALL)
    sizes.learn("huge", OLD, SMALL)
    assert sizes.agreed(["huge"]) is None
    assert sizes.agreed(["big", "huge"]) is None


@pytest.mark.parametrize("size", [InputSize(0, 32), InputSize(-5, -5), InputSize(10**6, 10**6)])
def test_sizes_that_make_no_sense_are_not_learned(size: InputSize) -> None:
    sizes = Sizes(["big"])
    sizes.learn("big", OLD, SMALL)
    sizes.learn("big", NEW, size)
    assert sizes.agreed(["big"]) is None


def test_the_link_learns_sizes_from_scores() -> None:
    rig = LinkRig()
    rig.link.serve("meter", ["big", "huge"], None, Sizes(["big"]))
    rig.become_good()
    assert rig.link.size_for("meter", ["big"]) is None
    rig.ask("a")
    rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", label="7", bundle=OLD, input=SMALL))
    assert rig.link.size_for("meter", ["big"]) == SMALL


def test_a_score_of_a_picture_made_for_another_bundle_is_none() -> None:
    rig = LinkRig()
    rig.become_good()
    for name, size in {"a": SMALL, "b": LARGE, "c": None}.items():
        rig.ask(name, shrunken_to=SMALL)
        rig.receive(CloudScore(id=rig.questions[-1].id, contestant="big", label="7", bundle=NEW, input=size))
    assert [heard.code for heard in rig.heard] == [None, "score.other_size", "score.other_size"]
    assert rig.link.records("meter")["big"].declined == {"score.other_size": 2}


def test_what_was_known_of_those_that_stay_is_recalled() -> None:
    before, after = Sizes(["big", "huge"]), Sizes(["big"])
    before.learn("big", "meter:1", InputSize(20, 32))
    before.learn("huge", "meter:1", InputSize(40, 64))
    after.recall(before.known)
    assert (after.agreed(["big"]), after.agreed(["huge"])) == (InputSize(20, 32), None)
