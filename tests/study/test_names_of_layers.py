"""A model whose layers are called as a method calls its own is never trained under their names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.study.study import Study


class Called(nn.Module):
    """A body and a last layer of a name."""

    def __init__(self, last: str, width: int, inputs: int = 3, outputs: int = 2) -> None:
        super().__init__()
        self.body = nn.Linear(inputs, width)
        self.add_module(last, nn.Linear(width, outputs))
        self.last_name = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.get_submodule(self.last_name)(torch.relu(self.body(x)))


def study(last: str, width: int, methods: list[str]) -> Study:
    draw = np.random.default_rng(0)
    X, codes = draw.normal(size=(90, 3)), np.repeat([0, 1, 2], 30)
    places = Environments.from_arrays(X, (X.sum(1) > 0).astype(int), codes)
    return Study(
        places, methods, model=Called(last, width), seeds=[0], steps=3, threads=1, jobs=1,
        plain_training=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "width", "method"),
    [
        ("head", 5, "dmg"),  # of other shapes than the method's
        ("head", 2, "dmg"),  # of the same, so that one would stand for the other
        ("heads", 5, "drm"),
        ("last", 5, "last-layer"),  # fitted and not trained
        ("head", 5, "orthogonal-adapters"),
    ],
)
def test_a_method_with_weights_of_that_name_is_skipped(last, width, method):
    given = study(last, width, ["erm", method])
    assert [entry.name for entry in given.plan.entries] == ["erm"]
    assert f"calls {last}.weight" in given.skipped[method]
    with pytest.raises(UsageError, match="give that layer of the model another name"):
        study(last, width, [method]).validate()


def test_with_another_name_all_train():
    methods = ["erm", "dmg", "drm", "last-layer", "orthogonal-adapters", "dann", "low-rank"]
    assert [e.name for e in study("answer", 5, methods).plan.entries] == methods
    result = study("answer", 5, ["erm", "dmg"]).run()
    assert np.isfinite(result.methods["score_unseen"]).all()
    result.store.close()
