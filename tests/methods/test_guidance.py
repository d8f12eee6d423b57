from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from toys import Size, erm_gradients, toy

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.methods.guidance import Guidance, energy
from gengap.models.networks import Module
from gengap.training.tables import Tables


def test_energy_by_hand() -> None:
    # Contributions 2, -1 and 6; of the positive 8 the marked first and second have 2.
    x, slopes = torch.tensor([1.0, 1.0, 2.0]), torch.tensor([2.0, -1.0, 3.0])
    share, bent = energy(x, slopes, torch.tensor([1.0, 1.0, 0.0]), 1)
    assert share.item() == 0.25
    # (marked - 1/4) / 8 times x, where the contribution is positive.
    assert bent.tolist() == [0.75 / 8, 0, -0.25 / 8 * 2]


def smooth(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, outputs))


def test_its_gradient_is_that_of_two_backward_passes() -> None:
    problem = toy([Guidance(weight=4.0)], architecture=Module(smooth))
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    own = problem.network.parameters
    x = batch.x[0].flatten(0, 1).clone().requires_grad_()
    logits = torch.tanh(x @ own["1.weight"][0].T + own["1.bias"][0])
    logits = logits @ own["3.weight"][0].T + own["3.bias"][0]
    y = batch.y[0].flatten()
    right = logits.gather(1, y[:, None]).sum()
    (slopes,) = torch.autograd.grad(right, x, create_graph=True)
    counted = (x * slopes).relu()
    marked = batch.guided()[0].flatten(0, 1)
    share = (counted * marked).sum(1) / counted.sum(1).clamp(min=1e-3)
    risk = nn.functional.cross_entropy(logits, y)
    total = risk - 4.0 * share[marked.any(1)].mean()
    for name, wanted in zip(own, torch.autograd.grad(total, list(own.values())), strict=True):
        torch.testing.assert_close(found[name], wanted, rtol=2e-2, atol=2e-3)
    loss = problem.method.loss(problem.network, batch, {})
    torch.testing.assert_close(loss[0], total)


def test_without_weight_it_is_plain_training() -> None:
    problem = toy([Guidance(weight=0.0)] * 2, size=Size(shape=(1, 3, 3)))
    found = problem.method.gradients(problem.network, problem.batches[0], {})
    for name, value in erm_gradients(problem, problem.batches[0]).items():
        torch.testing.assert_close(found[name], value)


def places(**columns: list) -> Environments:
    X = pd.DataFrame({"a": np.arange(20.0), "kind": pd.Categorical(list("uvw") * 6 + ["u"] * 2)})
    return Environments.from_arrays(X, np.arange(20) % 2, np.arange(20) // 10)


def test_marks_of_columns_reach_what_categories_became() -> None:
    data = Tables.of(places().guided_by(["kind"]))
    marks = data.marks("cpu")
    assert marks is not None
    found = marks(torch.zeros(2, 3, dtype=torch.long))
    assert found.shape == (2, 3, *data.shape)
    names = np.array(data.encoded.columns)
    assert set(names[found[0, 0].numpy()]) == {name for name in names if name != "a"}
    assert data.fingerprint != Tables.of(places()).fingerprint


def test_marks_of_examples_follow_their_rows() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2, 3)).astype(np.float32)
    marked = np.zeros(X.shape, bool)
    marked[7, 1, 2] = True
    data = Environments.from_arrays(X, np.arange(20) % 2, np.arange(20) // 10).guided_by(marked)
    chosen = data.select(np.arange(5, 20))
    marks = Tables.of(chosen).marks("cpu")
    assert marks is not None
    assert marks(torch.tensor([[1, 2]])).nonzero().tolist() == [[0, 1, 1, 2]]


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (["b"], "no column 'b' to rely on"),
        ([], "name those"),
        (np.ones(3, bool), r"shape \(3,\) do not fit"),
        (np.zeros(2, bool), "No input is marked"),
    ],
)
def test_marks_that_cannot_be(marked, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        places().guided_by(marked)


def test_data_without_marks_say_so() -> None:
    batch = replace(toy([Guidance()]).batches[0], marks=None)
    with pytest.raises(UsageError, match="inputs that are marked"):
        batch.guided()
