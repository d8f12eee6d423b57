"""Detectors on what agents see: levels that they know and levels that they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.control.levels import Levels
from gengap.questions.detection import evaluate

CHOSEN = ["msp", "mahalanobis"]


def mazes(levels: int = 24) -> Levels:
    return gg.load_suite("mazes", levels=levels, size=7, starts=8)


def test_examples_are_what_was_seen_and_done() -> None:
    levels = mazes(4)
    found = levels.examples()
    assert found.X.dtype == np.float32
    assert found.classes == ("up", "right", "down", "left")
    for row in (0, 17, len(found) - 1):
        unit = levels.logs.unit[row]
        seen = levels.logs.observations[levels.logs.before[row]]
        np.testing.assert_array_equal(found.X[row], seen)
        assert found.names[found.environment[row]] == levels.factors["level"][unit]
        assert found.clusters[row] == unit
    values = gg.load_suite("pendulum", levels=3, starts=2).examples()
    assert values.classes == ()
    assert np.abs(values.y).max() <= 1


def test_every_level_is_unseen_by_the_agent_of_the_other_half() -> None:
    found = evaluate(mazes(), "mlp(16)", detectors=CHOSEN, seeds=2, steps=60)
    assert len(found.environments) == 24
    assert found.environment_word == "maze"
    for one in found.detectors.values():
        assert np.isfinite(one.auroc).all()
        assert one.classes is None  # an agent that lacks an action is nobody's question
        row = one.rejecting[0]
        assert row.cost_before.estimate > 0  # who saw the level does better there
    again = evaluate(mazes(), "mlp(16)", detectors=CHOSEN, seeds=2, steps=60)
    assert found.detectors["msp"].unseen == again.detectors["msp"].unseen


def test_actions_that_are_vectors_are_several_targets() -> None:
    """A linear agent's features are what is seen, so neighbours do not depend on what is done."""
    torque = gg.load_suite("pendulum", levels=3, starts=5, context="hidden")
    one = torque.logs.action
    both = np.concatenate([one, -one], 1)
    pair = replace(torque, logs=replace(torque.logs, action=both), actions=("push", "pull"))
    examples = pair.examples()
    assert examples.target_names == ("push", "pull")
    np.testing.assert_array_equal(examples.y, both)
    quick = {"detectors": ["knn", "density"], "seeds": 1, "steps": 10}
    vectors, values = (evaluate(own, "linear", **quick) for own in (pair, torque))
    np.testing.assert_allclose(vectors.detectors["knn"].auroc, values.detectors["knn"].auroc)
    assert vectors.skipped == {"density": "density reads one value, and the target has 2."}


def test_contexts_beyond_those_trained_on_are_refused() -> None:
    """A guard of an agent's observations, whose threshold comes from other episodes."""
    levels = gg.load_suite("point-mass", levels=60, starts=4, vary=("mass",))
    found = levels.examples()
    mass = found.factors["mass"].to_numpy(float)
    beyond = mass > np.quantile(mass, 0.7)
    episode = found.factors["episode"].to_numpy()
    guard = gg.Guard.fit(None, found.X[~beyond], cluster=episode[~beyond])
    assert guard(found.X[~beyond]).accept.mean() > 0.9
    assert guard(found.X[beyond & (mass > np.quantile(mass, 0.9))]).accept.mean() < 0.5
    far = episode[mass == mass.max()]
    assert guard.left(found.X[episode == far[0]]) < 0.05


def test_levels_with_too_few_episodes_are_told() -> None:
    few = gg.load_suite("mazes", levels=24, size=7, starts=2)
    with pytest.raises(UsageError, match="Only 0 of 24 environments of mazes have 5 logged"):
        evaluate(few, "linear", detectors=CHOSEN, seeds=1, steps=2)


def test_without_logs_there_are_no_examples() -> None:
    with pytest.raises(UsageError, match="Nobody's play"):
        replace(mazes(4), logged=False).examples()
