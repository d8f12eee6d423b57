from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from toys import toy

from gengap.methods.iomatch import IOMatch, open_targets
from gengap.methods.one_against_all import member_loss
from gengap.methods.openmatch import OpenMatch, doubts, inliers


def test_targets_of_open_sets_by_hand() -> None:
    # Probabilities 3/4 and 1/4, memberships 4/5 and 1/5: 3/5, 1/20, and the rest of none.
    found = open_targets(torch.tensor([math.log(3), 0.0]), torch.tensor([1.0, -1.0]) * math.log(4))
    assert found.tolist() == pytest.approx([0.6, 0.05, 0.35])


def test_members_by_hand() -> None:
    batch = replace(toy([IOMatch()]).batches[0], y=torch.tensor([[[1]]]), mask=None)
    odds = torch.tensor([[[[math.log(3), math.log(4), 0.0]]]])
    # Of the second class: not the first with 1/4, the second with 4/5, not the third with 1/2.
    wanted = -math.log(1 / 4) - math.log(4 / 5) - math.log(1 / 2)
    assert member_loss(odds, batch).item() == pytest.approx(wanted)


def test_doubts_and_inliers_by_hand() -> None:
    assert doubts(torch.tensor([0.0, 50.0])).tolist() == pytest.approx([math.log(2), 0])
    logits, odds = torch.tensor([[1.0, 2.0], [2.0, 1.0]]), torch.tensor([[1.0, -1.0], [1.0, -1.0]])
    assert inliers(logits, odds).tolist() == [False, True]


@pytest.mark.parametrize("kind", [IOMatch, OpenMatch])
def test_the_loss_as_numpy_finds_it(kind: type) -> None:
    problem = toy([kind(threshold=0.4, weight=2.0)])
    batch = problem.batches[0]
    other = batch.unlabelled + 0.5
    found = problem.method.loss(
        problem.network, replace(batch, another_view=lambda x: other), problem.state
    )
    own = {name: p[0].detach().numpy() for name, p in problem.network.parameters.items()}

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ own[f"{name}.weight"] + own[f"{name}.bias"]

    def asked(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        h = np.maximum(x.numpy().reshape(-1, 5) @ own["weight0"] + own["bias0"], 0)
        inner = np.maximum(dense(h, "project"), 0)
        return h @ own["weight1"] + own["bias1"], expit(dense(inner, "members")), inner

    y = batch.y[0].numpy().ravel()
    logits, member, _ = asked(batch.x)
    here = -log_softmax(logits, 1)[np.arange(len(y)), y].mean()
    mine = np.eye(3)[y]
    here -= (mine * np.log(member) + (1 - mine) * np.log(1 - member)).sum(1).mean()
    (told, member, _), (seen, other_member, inner) = asked(batch.unlabelled), asked(other)
    label, p = told.argmax(1), softmax(told, 1)
    own_label = -log_softmax(seen, 1)[np.arange(len(label)), label] * (p.max(1) >= 0.4)
    if kind is IOMatch:
        q = np.column_stack([p * member, (p * (1 - member)).sum(1)])
        opened = -(q * log_softmax(dense(inner, "open"), 1)).sum(1) * (q.max(1) >= 0.5)
        there = 2.0 * np.mean(opened + own_label * (q[:, -1] < 0.5))
    else:
        entropy = [-m * np.log(m) - (1 - m) * np.log(1 - m) for m in (member, other_member)]
        there = 0.1 * np.mean(np.sum(entropy, (0, 2)) / 2)
        there += 0.5 * np.mean(((member - other_member) ** 2).sum(1))
        there += 2.0 * np.mean(own_label * (member[np.arange(len(label)), label] > 0.5))
    assert found.item() == pytest.approx(here + there, rel=1e-5)
