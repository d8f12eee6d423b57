"""Cloning by a linear policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from log_examples import ENDS, log, tables
from sklearn.linear_model import LogisticRegression
from toys import stacked

import gengap as gg
from gengap.methods.bc_linear import BIAS, WEIGHT, LinearCloning
from gengap.records.store import Store
from gengap.study.trained import everything, train_models


def test_the_first_slope_by_hand() -> None:
    """Before training every action is equally likely, so the slope is ``x (1/A - [a])``."""
    network = tables(policy=[[0, 0], [0, 0]])
    network.parameters[WEIGHT] = torch.zeros(1, 2, 2, requires_grad=True)
    network.parameters[BIAS] = torch.zeros(1, 1, 2, requires_grad=True)
    batch = log([(0, 1, 0.0, 1), (1, 0, 0.0, 1), (1, 0, 1.0, ENDS), (1, 1, 0.0, ENDS)])
    found = stacked([LinearCloning()]).gradients(network, batch, {})
    state_0, state_1 = [0.5, -0.5], [-0.5 - 0.5 + 0.5, 0.5 + 0.5 - 0.5]
    torch.testing.assert_close(found[WEIGHT][0], torch.tensor([state_0, state_1]) / 4)
    torch.testing.assert_close(found[BIAS][0], torch.tensor([[0.0, 0.0]]))
    assert not found["weight0"].any()


def test_it_ends_where_logistic_regression_does() -> None:
    levels = gg.load_suite("mazes", levels=20, size=5, starts=4)
    seen, done = levels.logs.observations[levels.logs.before], levels.logs.action
    other = LogisticRegression(C=1e3, max_iter=2000).fit(seen, done)
    right = np.mean(other.predict(seen) == done)
    found = gg.Study(
        levels, ["bc-linear"], splits="folds:2", seeds=1, steps=400, plain_training=False,
        model="linear", jobs=1, keep_models="all",
    )  # fmt: skip
    plan = found.plan
    with Store("sqlite://") as store:
        (trained,) = train_models(found, store, plan=replace(plan, cells=(everything(plan),)))
    logits = trained.model(torch.from_numpy(seen).float()[None]).logits[0]
    assert np.mean(logits.argmax(1).numpy() == done) > right - 0.1
