"""Functions in context: best guesses and errors against integrals, updates and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.suites import suite_info
from gengap.sequences.prompt_models import looks_ahead, prompt_architecture, prompt_models
from gengap.sequences.suites.prompts import Scales
from gengap.sequences.tasks.functions import best_guess, features, prompts, weights_of


def drawn(family, count, points, inputs=1, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return prompts(rng, family, weights_of(rng, family, count, inputs), points,
                   inputs=inputs, noise=noise)  # fmt: skip


def test_features_are_orthonormal():
    """By quadrature, exact for polynomials of these degrees."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(8)
    made = features("linear+quadratic+cubic", nodes[:, None])
    np.testing.assert_allclose(
        3 * np.einsum("n,ni,nj->ij", masses / masses.sum(), made, made), np.eye(3), atol=1e-12
    )


def test_best_guess_within_a_family_is_what_updates_point_by_point_give():
    """A thousand prompts against recursive least squares."""
    noise = 0.3
    x, y = drawn("linear+quadratic", 1000, 6, inputs=2, noise=noise)
    made = features("linear+quadratic", x)
    for row in range(0, 1000, 10):
        mean, spread = np.zeros(4), np.eye(4)
        for phi, value in zip(made[row, :-1], y[row], strict=False):
            gain = spread @ phi / (phi @ spread @ phi + noise**2)
            mean = mean + gain * (value - phi @ mean)
            spread = spread - np.outer(gain, phi @ spread)
        guess = best_guess(x[row : row + 1], y[row : row + 1], ["linear+quadratic"], noise)
        assert guess[0] == pytest.approx(made[row, -1] @ mean, abs=1e-9)


def test_best_guess_among_families_is_the_integral_over_their_weights():
    noise, families = 0.5, ("linear", "quadratic")
    x, y = drawn("linear", 20, 4, noise=noise)
    w = np.linspace(-6, 6, 4001)
    top, bottom = np.zeros(20), np.zeros(20)
    for family in families:
        made = features(family, x)[..., 0]
        miss = y[:, :-1, None] - made[:, :-1, None] * w
        weight = np.exp(-(miss**2).sum(1) / (2 * noise**2) - w**2 / 2)
        top += (weight * w).sum(1) * made[:, -1]
        bottom += weight.sum(1)
    np.testing.assert_allclose(best_guess(x, y, families, noise), top / bottom, atol=1e-8)


def test_the_error_of_linear_attention_is_that_of_its_simulation():
    family = Scales(inputs=3, points=6, noise=0.5)
    step = family.learn([1, 2])
    problem = gg.load_suite("in-context-scales", n=20_000, inputs=3, points=6, noise=0.5)
    X = problem.X.astype(np.float64)
    moved = np.einsum("nit,nt->ni", X[:, :3, :-1], X[:, 3, :-1]) / 5
    direction = (moved * X[:, :3, -1]).sum(1)
    for code, name in enumerate(problem.names):
        rows = problem.environment == code
        error = (problem.y[rows] - step * direction[rows]) ** 2
        assert error.mean() == pytest.approx(family.risk(step, name), abs=5 * error.std() / 140)
    both = np.isin(problem.environment, [1, 2])
    best = (direction[both] * problem.y[both]).sum() / (direction[both] ** 2).sum()
    assert step == pytest.approx(best, rel=0.03)


def test_a_study_meets_the_closed_form():
    """One layer of linear attention, with and without the largest inputs seen."""
    options = {"n": 2000, "scales": (0.5, 1.0, 1.5), "points": 21}
    study = gg.Study(
        gg.load_suite("in-context-scales", **options), [{"scheduled": {"learning_rate": 0.01}}],
        metric="squared_error", splits="hold-out:scale 1.5", seeds=1, steps=300,
        checkpoints="300", selection="last-step", jobs=1, threads=1, plain_training=False,
    )  # fmt: skip
    (row,) = study.run().gaps.itertuples()
    truth = suite_info("in-context-scales").truth("scale 1.5", **options)
    assert row.unseen == pytest.approx(truth.unseen, rel=0.2)
    assert row.reference == pytest.approx(truth.reference, rel=0.2)
    assert row.cost_of_unseen == pytest.approx(truth.cost_of_unseen, rel=0.2)


@pytest.mark.parametrize("name", prompt_models())
@pytest.mark.parametrize("outputs", [1, 5])
def test_a_model_reads_no_value_that_it_is_asked_for(name, outputs):
    made = prompt_architecture(name, torch.float32, (3, 5), outputs)
    own = {key: p[None] for key, p in made.initialise((3, 5), outputs, 0).items()}
    x = torch.randn(1, 7, 3, 5)
    assert made.forward(own, x).logits.shape == (1, 7, outputs)
    if outputs > 1:
        assert not looks_ahead(made, (3, 5), outputs)
    changed = x.clone()
    changed[..., -1, 2] += 1  # of all points, the third one's value
    apart = (made.forward(own, x).logits - made.forward(own, changed).logits).abs().amax((0, 1))
    assert (apart[-1] > 1e-6).all()


def test_models_that_would_read_the_answer_are_refused():
    problem = gg.load_suite("in-context-families:n=50")
    assert problem.target_names[:2] == ("after 0", "after 1")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 9, 9))
    for model in ("mlp(8)", "linear", module):
        with pytest.raises(UsageError, match="looks ahead"):
            problem.architecture(model)
    assert gg.load_suite("in-context-families:n=50,every=false").architecture("mlp(8)")
    with pytest.raises(UsageError, match="no option 'depth'"):
        problem.architecture("attention(depth=3)")


def test_tasks_trained_on_are_few_and_new_ones_all_different():
    problem = gg.load_suite("in-context-tasks:n=300,tasks=4")
    counts = problem.factors.groupby("part")["task"].nunique()
    assert counts.to_dict() == {"test": 300, "train": 4}
    assert (problem.X[:, -1, -1] == 0).all()


@pytest.mark.parametrize("options", ["noise=0", "points=1", "families=linear/round", "n=0"])
def test_what_cannot_be_drawn_is_refused(options):
    with pytest.raises(UsageError):
        gg.load_suite(f"in-context-families:{options}")
