"""The pure parts of the head trainer: what is minimised, what is chosen, and how sure a head may be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.calibration import at_temperature, calibrate, settled
from roost_cloud.training.head.choosing import choose_penalty, folds_of
from roost_cloud.training.head.data import Data
from roost_cloud.training.head.objective import Examples, fit, shares
from roost_cloud.training.head.refit import refit
from roost_cloud.training.head.self_training import pseudo_labelled
from roost_cloud.training.head.settings import HeadSettings
from tests.support.training_jobs import Told

Floats = NDArray[np.float64]


def nothing() -> None:
    """Goes on."""


def clouds(number: int, seed: int, shift: float = 0.0) -> tuple[Floats, NDArray[np.intp]]:
    """Points around three corners, with a last feature of 1."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, number)
    corners = np.array([[0, 1], [1, -1], [-1, -1]]) + shift
    return np.hstack([corners[truth] + random.normal(0, 0.9, (number, 2)), np.ones((number, 1))]), truth


def examples(number: int = 60, seed: int = 1) -> Examples:
    features, truth = clouds(number, seed)
    return Examples(features, truth, np.full(number, 1 / number))


def cross_entropies(weights: Floats, examples: Examples) -> Floats:
    """Of each example, in nats."""
    logits = examples.features @ weights
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(logits)), examples.truth]
    entropies: Floats = np.log(np.exp(logits).sum(axis=1)) - of_truth
    return entropies


def test_the_fit_is_where_no_small_step_leads_further_down() -> None:
    given, prior, penalty = examples(), np.zeros((3, 3)), 0.01

    def loss(weights: Floats) -> float:
        return float(given.share @ cross_entropies(weights, given)) + penalty * float(((weights - prior) ** 2).sum())

    found = fit(given, prior, penalty, nothing)
    random = np.random.default_rng(0)
    for _ in range(50):
        assert loss(found) <= loss(found + random.normal(0, 0.01, found.shape))


def test_a_large_penalty_leaves_the_incumbent_as_it_is_and_only_free_labels_move() -> None:
    given, prior = examples(), np.random.default_rng(0).normal(size=(3, 3))
    np.testing.assert_allclose(fit(given, prior, 1e6, nothing), prior, atol=1e-5)
    found = fit(given, prior, 0.001, nothing, free=np.array([False, False, True]))
    np.testing.assert_array_equal(found[:, :2], prior[:, :2])
    assert np.abs(found[:, 2] - prior[:, 2]).max() > 0.1


def test_what_is_not_a_number_is_no_head() -> None:
    given = examples()
    given.features[3, 0] = np.nan
    with pytest.raises(TrainingError, match="not a number"):
        fit(given, np.zeros((3, 3)), 0.01, nothing)


def test_each_world_is_half_of_the_loss_and_labels_are_balanced() -> None:
    is_new = np.arange(100) < 10
    truth = np.where(np.arange(100) % 10 == 0, 1, 0)
    share = shares(np.ones(100), is_new, truth)
    assert share[is_new].sum() == pytest.approx(0.5)
    assert share[is_new & (truth == 1)].sum() == pytest.approx(0.25)
    assert shares(np.ones(5), np.ones(5, bool)).sum() == pytest.approx(1)


def test_no_weight_outweighs_all_others() -> None:
    weight = np.append(np.ones(99), 1e6)
    share = shares(weight, np.ones(100, bool))
    assert 5 * share[0] < share[-1] < 0.15
    np.testing.assert_allclose(shares(np.array([1.0, 100.0] * 10), np.ones(20, bool))[1], 100 / 1010)


def test_groups_stay_together_and_no_fold_is_empty() -> None:
    groups = [f"device-{number % 7}" for number in range(50)]
    folds = folds_of(groups, seed=3, most=5)
    assert set(folds.tolist()) == set(range(5))
    for group in set(groups):
        assert len({fold for fold, name in zip(folds.tolist(), groups, strict=True) if name == group}) == 1


def test_where_nothing_is_gained_the_largest_penalty_is_chosen() -> None:
    given = examples(200)
    prior = fit(examples(2000, seed=9), np.zeros((3, 3)), 1e-6, nothing)  # as good as can be
    folds = folds_of([str(number) for number in range(200)], 0, 5)
    choice = choose_penalty(given, given.share, folds, prior, (1.0, 0.01, 0.0001), Told())
    assert choice.penalty == 1.0
    poor = np.zeros((3, 3))
    assert choose_penalty(given, given.share, folds, poor, (1.0, 0.01, 0.0001), Told()).penalty < 1.0


def changed_world(unlabelled: Floats) -> Data:
    """Examples of a world that has moved, and others that nobody has labelled."""
    features, truth = clouds(200, 2, shift=1.0)
    share = np.full(200, 1 / 200)
    folds = folds_of([str(number) for number in range(200)], 0, 5)
    is_new = np.ones(200, dtype=np.bool_)
    return Data(1.0, Examples(features, truth, share), share, is_new, folds, unlabelled, np.ones(len(unlabelled)))


def test_a_head_is_fitted_from_the_incumbents_weights() -> None:
    prior = fit(examples(2000, seed=9), np.zeros((3, 3)), 1e-6, nothing)
    data, penalty = changed_world(np.zeros((0, 3))), 0.1
    found = refit(data, prior, HeadSettings(penalty=penalty), 1.0, Told())
    assert found.wins
    np.testing.assert_allclose(found.weights, fit(data.labelled, prior, penalty, nothing), atol=1e-6)
    assert np.abs(found.weights - fit(data.labelled, np.zeros((3, 3)), penalty, nothing)).max() > 0.1


def test_self_training_that_does_not_help_is_measured_and_left_out() -> None:
    prior = fit(examples(2000, seed=9), np.zeros((3, 3)), 1e-6, nothing)
    misleading, _ = clouds(400, 5, shift=-4.0)
    found = refit(changed_world(misleading), prior, HeadSettings(penalty=0.01), 1.0, Told())
    assert found.self_training_gain is not None
    assert found.self_training_gain < 0
    assert found.wins
    assert not found.is_self_trained
    alone = refit(changed_world(misleading), prior, HeadSettings(penalty=0.01, self_training="off"), 1.0, Told())
    assert alone.self_training_gain is None
    np.testing.assert_array_equal(found.weights, alone.weights)


def test_a_head_is_made_less_sure_where_it_is_too_sure_and_never_surer() -> None:
    features, truth = clouds(300, 4)
    weights = fit(examples(300, 4), np.zeros((3, 3)), 1e-6, nothing)
    share = np.full(300, 1 / 300)
    too_sure, unsure = features @ weights * 5, features @ weights / 5
    assert settled(too_sure, truth, share, 1.0).temperature == pytest.approx(5, rel=0.2)
    assert settled(unsure, truth, share, 1.0).temperature == 1.0
    assert calibrate(unsure, truth, share).temperature < 0.5
    assert at_temperature(too_sure, truth, share, 5.0).loss < at_temperature(too_sure, truth, share, 1.0).loss


def test_only_what_a_head_is_sure_of_becomes_an_example() -> None:
    given = examples()
    weights = np.array([[0.0, 9.0, -9.0], [9.0, -9.0, -9.0], [0.0, 0.0, 0.0]])
    rows = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 1.0]])  # far into the first corner, and in the middle of all
    taught = pseudo_labelled(given, rows, np.ones(2), weights)
    assert len(taught.truth) == len(given.truth) + 1
    assert taught.truth[-1] == 0
    assert taught.share.sum() == pytest.approx(1)
    assert pseudo_labelled(given, rows[1:], np.ones(1), weights) is given
