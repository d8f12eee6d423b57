"""Units that are no table rows train in the same fleet, by the same methods."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from gengap.methods.batch import Batch, Context
from gengap.methods.erm import ERM
from gengap.methods.registry import RARE, methods
from gengap.models.networks import MLP, Module
from gengap.records.run import Run
from gengap.training.chunks import footprint
from gengap.training.tasks import Task
from gengap.training.train import train_fleet
from toy_problems import (
    HORIZON,
    TOKENS,
    Sequences,
    episodes,
    expert,
    levels,
    neighbours,
    sequences,
)


def task(problem, seed=0, environments=3):
    """A run on the first environments; a quarter of every environment's units is scored."""
    own = [np.flatnonzero(problem.environment == k) for k in range(len(problem.names))]
    train = tuple(rows[:-10].astype(np.int32) for rows in own[:environments])
    scored = np.concatenate([rows[-10:] for rows in own])
    run = Run("p", "erm", {}, "m", "unseen", "last", problem.names[:3], problem.names[3:], seed)
    return Task(run, train, problem.prepare(np.concatenate(train)), {"test": scored})


def trained(problem, tasks, methods, architecture, steps=150):
    kept = []
    runs = train_fleet(
        problem, tasks, methods, architecture, steps=steps, batch=16, slots=3, checkpoints=[steps],
        keep=kept.append,
    )  # fmt: skip
    return [run.outcomes[-1].predicted for run in runs], kept[0]


def module_of(network, run):
    """One run's network as a module of its own."""
    module = neighbours()
    module.load_state_dict({name: p[run].detach() for name, p in network.parameters.items()})
    return module


def test_a_sequence_scores_when_all_its_own_tokens_are_right():
    """Each sequence alone, cut to its length, through one module: no padding, batch or mask."""
    problem = sequences()
    jobs = [task(problem, seed) for seed in range(2)]
    scores, network = trained(problem, jobs, [ERM(learning_rate=5e-3)] * 2, Module(neighbours), 12)
    x, y, lengths = problem.content
    for run, job in enumerate(jobs):
        module = module_of(network, run)
        expected = []
        for row in job.score["test"]:
            own = slice(lengths[row])
            said = module(torch.from_numpy(x[row, own])[None])[0].argmax(-1).numpy()
            expected.append(float(np.array_equal(said, y[row, own])))
        np.testing.assert_array_equal(scores[run], expected)
    assert 0 < np.mean(scores) < 1


def test_tokens_are_learned():
    problem = sequences()
    (scores,), _ = trained(problem, [task(problem)], [ERM(learning_rate=1e-2)], Module(neighbours))
    assert scores.mean() == 1


def test_the_loss_of_a_sequence_is_the_mean_over_its_own_tokens():
    context = Context("classification", TOKENS, 2, 2, 8, 1)
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 3, 5, TOKENS, generator=draw)
    y = torch.randint(TOKENS, (1, 2, 3, 5), generator=draw)
    lengths = torch.tensor([[[5, 2, 0], [1, 3, 4]]])
    mask = torch.arange(5) < lengths[..., None]
    batch = Batch(logits, y, torch.zeros(1, 2), torch.zeros(1, 2, 4), 0, context, [], mask)
    each = -torch.log_softmax(logits, -1)
    means = [
        [
            np.mean([float(each[0, e, b, t, y[0, e, b, t]]) for t in range(n)]) if n else 0.0
            for b, n in enumerate(row)
        ]
        for e, row in enumerate(lengths[0].tolist())
    ]
    np.testing.assert_allclose(batch.losses(logits)[0], means, rtol=1e-5)
    # A sequence without any target is no example: the first environment has two.
    expected = [sum(means[0]) / 2, sum(means[1]) / 3]
    np.testing.assert_allclose(batch.risks(logits)[0], expected, rtol=1e-5)
    # Values and not classes: the squared error of each token.
    values = torch.randn(1, 2, 3, 5, generator=draw)
    numbers = replace(batch, y=values, context=replace(context, task="regression", outputs=1))
    squares = (logits[..., :1].squeeze(-1) - values).square()
    first = float(squares[0, 1, 1, :3].mean())
    assert float(numbers.losses(logits[..., :1])[0, 1, 1]) == pytest.approx(first, rel=1e-5)


def tokens_apply():
    lacks = (*Sequences.lacks, *RARE)
    return [n for n, i in methods().items() if not i.why_not("classification", 3, True, lacks)]


@pytest.mark.parametrize("name", tokens_apply())
def test_what_lies_beyond_the_end_changes_no_method(name):
    problem = sequences()
    x, y, lengths = problem.content
    beyond = np.arange(6) >= lengths[:, None]
    other = replace_content(problem, x, np.where(beyond, 3 - y, y), lengths)
    assert (other.content[1] != y).any()
    method = methods()[name].method()
    scores, ends = [], []
    for given in (problem, other):
        found, network = trained(given, [task(given)], [method], Module(neighbours), steps=6)
        scores.append(found[0])
        ends.append(network.parameters)
    for parameter, value in ends[0].items():
        assert torch.equal(value, ends[1][parameter]), parameter
        assert torch.isfinite(value).all()


def replace_content(problem, *content):
    return Sequences(
        problem.environment, problem.names, content, problem.factors, problem.name, problem.kind
    )


def test_methods_that_cannot_apply_say_so():
    reasons = {
        name: methods()[name].why_not("classification", 3, True, Sequences.lacks)
        for name in ("mixup", "balanced", "fishr", "erm")
    }
    assert reasons["mixup"] == "mixup needs numeric inputs, which these data do not have."
    assert "one target per example" in reasons["balanced"]
    assert "one target per example" in reasons["fishr"]
    assert reasons["erm"] is None


def test_the_score_of_a_level_is_the_return_of_its_episode():
    """A plain loop, one level and one step at a time, through the network that was kept."""
    problem = levels()
    job = task(problem)
    (scores,), network = trained(problem, [job], [ERM(learning_rate=1e-2)], MLP((16,)), 60)
    goal, drift, _, _ = problem.content
    for row, score in zip(job.score["test"], scores, strict=True):
        place, total = 0.0, 0.0
        for _ in range(HORIZON):
            seen = torch.tensor([goal[row] - place, drift[row]], dtype=torch.float32)
            x = seen.expand(len(network.parameters["weight0"]), 1, 2)
            action = int(network(x).logits[0, 0].argmax())
            place = place + action - 1 - drift[row]
            total -= abs(goal[row] - place)
        assert score == pytest.approx(total / HORIZON, rel=1e-5)


def test_a_policy_trained_on_logged_steps_comes_near_the_expert():
    problem = levels()
    job = task(problem)
    (scores,), _ = trained(problem, [job], [ERM(learning_rate=1e-2)], MLP((32,)), 300)
    goal, drift = (part[job.score["test"]] for part in problem.content[:2])
    best = episodes(expert, goal, drift)
    still = episodes(lambda seen: np.ones(len(seen), np.int64), goal, drift)
    assert scores.mean() > best.mean() - 0.1
    assert still.mean() < best.mean() - 1


def test_the_expert_by_hand():
    """From 0 to a goal at 2 without drift: distances 1, 0, 0, ..."""
    found = episodes(expert, np.array([2.0]), np.array([0.0]))
    assert found == pytest.approx([-1 / HORIZON])


@pytest.mark.parametrize(("make", "model"), [(sequences, Module(neighbours)), (levels, MLP((8,)))])
def test_a_run_is_the_same_alone_among_others_and_after_pickling(make, model):
    problem = make()
    jobs = [task(problem, seed) for seed in range(3)]
    together, _ = trained(problem, jobs, [ERM(learning_rate=1e-2)] * 3, model, 30)
    again, jobs = pickle.loads(pickle.dumps((problem, jobs)))
    assert again.fingerprint == problem.fingerprint
    alone, _ = trained(again, jobs[1:2], [ERM(learning_rate=1e-2)], model, 30)
    np.testing.assert_allclose(alone[0], together[1], atol=1e-5)


def test_memory_is_estimated_for_tokens():
    small = footprint(sequences(), Module(neighbours), steps=10, batch=8, slots=3, passes=1)
    large = footprint(sequences(), Module(neighbours), steps=10, batch=80, slots=3, passes=1)
    assert 0 < small.total < large.total
