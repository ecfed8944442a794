"""The acts are in the order in which one needs the other."""

from scripts.roost_demo.acts import acts


def test_the_whole_story_is_told_of_a_primary_that_can_be_refined() -> None:
    titles = [act.title for act in acts(joined=True, whole=True)]
    story = ["dirty", "refined", "rollout", "worse"]
    assert titles == ["all well", "broken", "recovered", "asking", "refused", *story, "cut off"]


def test_of_a_model_of_ones_own_what_there_is() -> None:
    titles = [act.title for act in acts(joined=False, whole=False)]
    assert titles == ["all well", "broken", "recovered", "renewed", "dirty", "cut off"]


def test_no_scene_is_played_twice() -> None:
    scenes = [act.scene for act in acts(joined=True, whole=True) if act.scene is not None]
    assert len(set(scenes)) == len(scenes) == 5
