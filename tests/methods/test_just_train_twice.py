from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from toys import assert_run_close, parameters_of, single, toy
from trained_toys import Trained

from gengap.methods.erm import ERM
from gengap.methods.just_train_twice import JustTrainTwice, errors
from gengap.testing import Size

SIZE = Size(steps=12, batch=8)


def by_hand(problem, run: int, method: JustTrainTwice) -> torch.nn.Sequential:
    """Two plain loops with PyTorch's AdamW, errors counted one by one in between."""
    first, second = single(problem, run), single(problem, run)
    every = next(problem.batches[0].everything())
    turn = round(method.first * SIZE.steps)
    weight = torch.ones(problem.batches[0].context.units)
    for number, network in enumerate((first, second)):
        optimizer = torch.optim.AdamW(
            network.parameters(), method.learning_rate, weight_decay=method.weight_decay
        )
        for batch in problem.batches[:turn] if number == 0 else problem.batches[turn:]:
            x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
            losses = F.cross_entropy(network(x), y, reduction="none")
            optimizer.zero_grad()
            (weight[batch.rows[run].flatten()] * losses).mean().backward()
            optimizer.step()
        if number == 0:
            wrong, shares = [], []
            for x, y, rows in zip(every.x[run], every.y[run], every.rows[run], strict=True):
                missed = (network(x).argmax(1) != y).tolist()
                wrong += [int(row) for row, bad in zip(rows, missed, strict=True) if bad]
                shares.append(np.mean(missed))
            weight[wrong] = method.upweight
            weight /= 1 + (method.upweight - 1) * np.mean(shares)
    return second


def test_two_trainings_equal_two_plain_loops() -> None:
    methods = [
        JustTrainTwice(first=0.25, upweight=4.0, learning_rate=1e-2),
        JustTrainTwice(first=0.5, upweight=20.0, learning_rate=3e-3),
    ]
    problem = toy(methods, size=SIZE)
    wanted = [by_hand(problem, run, method) for run, method in enumerate(methods)]
    problem.train()
    for run, network in enumerate(wanted):
        assert_run_close(problem.network.parameters, parameters_of(network), run)


def test_errors_by_hand() -> None:
    problem = toy([ERM()] * 2, size=SIZE)
    wrong, share = errors(problem.network, problem.batches[0], 3 * SIZE.pool)
    every = next(problem.batches[0].everything())
    for run in range(2):
        network = single(problem, run)
        missed = torch.stack([network(x).argmax(1) for x in every.x[run]]) != every.y[run]
        torch.testing.assert_close(wrong[run], missed.flatten().float())
        torch.testing.assert_close(share[run], missed.float().mean())


def test_weights_average_one_over_the_training_rows() -> None:
    problem = toy([JustTrainTwice(first=0.25)], size=SIZE)
    problem.train()
    weight = problem.state["weight"]
    np.testing.assert_allclose(weight.mean(), 1, rtol=1e-5)
    assert weight.unique().numel() == 2


def test_a_minority_that_breaks_a_shortcut_is_heeded() -> None:
    """A loud shortcut that holds in 19 of 20 rows, beside a quiet cause that always does."""
    draw = np.random.default_rng(0)
    y = draw.integers(2, size=6000)
    held = draw.random(6000) < 0.95
    shortcut = np.where(held, y, 1 - y) * 2.0 - 1
    cause = (y * 2.0 - 1) + draw.normal(0, 0.7, 6000)
    X = np.stack([shortcut + draw.normal(0, 0.1, 6000), cause], 1).astype(np.float32)
    settings = {"steps": 300, "batch": 64, "width": 16}
    scores = {}
    rate = {"learning_rate": 1e-2}
    for method in (ERM(**rate), JustTrainTwice(**rate, first=0.2, upweight=20.0)):
        trained = Trained(method, X[:3000], y[:3000], **settings)
        broken = ~held[3000:]
        scores[type(method)] = np.mean(trained.predict(X[3000:])[broken] == y[3000:][broken])
    assert scores[JustTrainTwice] > scores[ERM] + 0.2
