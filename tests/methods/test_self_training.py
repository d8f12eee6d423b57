from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from toys import toy
from trained_toys import Trained

from gengap.base.seeds import generator
from gengap.methods.erm import ERM
from gengap.methods.registry import methods
from gengap.methods.self_training import (
    SelfTraining,
    SelfTrainingUnseen,
    own_label_losses,
)
from gengap.training.views import SWAPPED, another_view, moved, swapped


def test_losses_on_own_labels_by_brute_force() -> None:
    draw = np.random.default_rng(0)
    answered, seen = 2 * draw.normal(size=(2, 9, 4)), draw.normal(size=(2, 9, 4))
    found = own_label_losses(
        torch.tensor(answered), torch.tensor(seen), torch.tensor([0.5, 0.8], dtype=torch.float64)
    )
    for run, threshold in enumerate((0.5, 0.8)):
        for u in range(9):
            sure = softmax(answered[run, u])
            wanted = 0.0
            if sure.max() >= threshold:
                wanted = -log_softmax(seen[run, u])[sure.argmax()]
            assert float(found[run, u]) == pytest.approx(wanted)
    assert (found == 0).any()
    assert (found > 0).any()


def test_the_label_comes_without_gradient() -> None:
    problem = toy([SelfTraining(threshold=0.0, weight=3.0)])
    batch = problem.batches[3]
    state = [g.bit_generator.state for g in batch.generators]
    found = problem.method.gradients(problem.network, batch, problem.state)["weight0"]
    for g, before in zip(batch.generators, state, strict=True):
        g.bit_generator.state = before
    label = problem.network(batch.unlabelled).logits.argmax(-1)
    seen = problem.network(batch.view(batch.unlabelled)).logits
    own = torch.nn.functional.cross_entropy(seen[0], label[0])
    risk = batch.risks(problem.network(batch.x).logits).mean()
    wanted = torch.autograd.grad(risk + 3.0 * own, problem.network.parameters["weight0"])[0]
    torch.testing.assert_close(found, wanted)  # step 3 of 6: fully weighted


def test_it_starts_as_plain_training() -> None:
    problem, plain = toy([SelfTraining()]), toy([ERM()])
    found = problem.method.gradients(problem.network, problem.batches[0], problem.state)
    wanted = plain.method.gradients(plain.network, plain.batches[0], plain.state)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_the_records_say_what_they_see() -> None:
    assert not methods()["self-training"].sees_unseen
    assert methods()["self-training"].sees_unlabelled
    assert methods()["self-training-unseen"].sees_unseen
    assert methods()["self-training-unseen"].method is SelfTrainingUnseen
    assert not methods()["erm"].sees_unlabelled


def test_classes_that_drift_away_are_followed() -> None:
    """Two classes rotate by 50 degrees; plain training keeps the old line between them."""
    draw = np.random.default_rng(0)
    y = draw.integers(2, size=900)
    angle = np.pi * y + np.deg2rad(50) * (np.arange(900) >= 300)
    X = 3 * np.stack([np.cos(angle), np.sin(angle)], 1) + draw.normal(0, 1.0, (900, 2))
    X = X.astype(np.float32)
    settings = {"width": 16, "steps": 400, "batch": 64}
    plain = Trained(ERM(learning_rate=5e-3), X[:300], y[:300], **settings)
    own = Trained(
        SelfTrainingUnseen(learning_rate=5e-3, weight=3.0, threshold=0.7), X[:300], y[:300],
        unlabelled=X[300:600], **settings,
    )  # fmt: skip
    before, after = (np.mean(t.predict(X[600:]) == y[600:]) for t in (plain, own))
    assert after > before + 0.01


def test_a_view_of_a_row_takes_its_values_from_the_same_columns() -> None:
    rows = torch.arange(2 * 500 * 3).view(2, 500, 3).float()
    sources = [generator(run, "views") for run in range(2)]
    seen = swapped(rows, sources)
    changed = seen != rows
    assert float(changed.float().mean()) == pytest.approx(SWAPPED, abs=0.02)
    for run in range(2):
        for column in range(3):
            values = set(rows[run, :, column].tolist())
            assert set(seen[run, :, column].tolist()) <= values


def test_a_view_of_an_image_is_the_image_moved() -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(1, 40, 1, 16, 16, generator=draw) + 1
    seen = moved(images, [generator(0, "views")])
    for before, after in zip(images[0, :, 0].numpy(), seen[0, :, 0].numpy(), strict=True):
        fits = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                padded = np.zeros((20, 20), np.float32)
                padded[2 + down : 18 + down, 2 + right : 18 + right] = before
                fits.append(np.array_equal(padded[2:18, 2:18], after))
        assert sum(fits) == 1


def test_views_depend_on_the_runs_own_generator_alone() -> None:
    rows = torch.rand(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    together = another_view(rows, [generator(run, "views") for run in range(3)], 1)
    alone = another_view(rows[1:2], [generator(1, "views")], 1)
    assert torch.equal(alone[0], together[1])
