"""Modules of anybody's own code: what they are called with, and whether examples fit them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.models.networks import Network, architecture
from gengap.sequences.modules import TokenModule
from gengap.sequences.pairs import SLOTS, WRITTEN


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 2))


def test_lazy_layers_draw_their_weights_under_the_seed():
    made = architecture(lazy)
    one, same, other = (made.initialise((3,), 2, seed) for seed in (1, 1, 2))
    assert one["0.weight"].shape == (4, 3)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["0.weight"], other["0.weight"])
    torch.manual_seed(1)
    expected = lazy()
    expected(torch.zeros(1, 3))
    assert torch.equal(expected[0].weight, one["0.weight"])


def test_no_number_is_drawn_of_torch_by_making_a_module():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    architecture(lazy).initialise((3,), 2, 5)
    assert torch.equal(torch.rand(3), expected)


def test_a_look_at_a_module_leaves_its_statistics_and_mode():
    made = architecture(lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)))
    made.initialise((3,), 2, 0)
    assert made._module.training
    assert made._module[0].num_batches_tracked == 0
    assert torch.equal(made._module[0].running_var, torch.ones(3))


def test_one_logit_of_two_classes_stands_beside_a_zero():
    made = architecture(lambda: nn.Linear(3, 1))
    own = {name: p[None] for name, p in made.initialise((3,), 2, 0).items()}
    x = torch.randn(1, 5, 3)
    logits = Network(made, own, (3,))(x).logits
    second = x @ own["module.weight"].mT + own["module.bias"]
    torch.testing.assert_close(logits, torch.cat([torch.zeros_like(second), second], 2))


def test_a_module_may_answer_several_targets():
    made = architecture(lambda: nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (4, 2))))
    assert made.initialise((3,), 2, 0)["0.weight"].shape == (8, 3)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (lambda: nn.Linear(9, 2), "Linear cannot read examples of 3 numbers, which tables"),
        (lambda: nn.Linear(3, 5), "gives 5 outputs for an example, but there are 2 classes"),
        (lambda shape, outputs: nn.Linear(shape, outputs), "cannot be made, .* of an example and"),
        (lambda width: nn.Linear(width, 2), "missing 1 required positional argument"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(factory, said):
    with pytest.raises(UsageError, match=said):
        architecture(factory).initialise((3,), 2, 0)


def test_pictures_are_not_called_tables():
    with pytest.raises(UsageError, match="examples of 1 x 8 x 8 numbers: "):
        architecture(lambda: nn.Linear(3, 2)).initialise((1, 8, 8), 2, 0)


@pytest.mark.parametrize(("reads", "width"), [(None, WRITTEN), (SLOTS, SLOTS)])
def test_lazy_layers_of_a_module_of_tokens(reads, width):
    made = TokenModule(lambda: nn.Sequential(nn.Embedding(9, 4), nn.LazyLinear(9)), reads=reads)
    assert made.initialise((2, 6), 9, 0)["1.weight"].shape == (9, 4)
    assert made.reads == width


def test_networks_of_ones_own_code_on_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "nets_of_tables.py").write_text(
        "from torch import nn\n"
        "def lazy():\n"
        "    return nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 1))\n"
        "def narrow():\n"
        "    return nn.Linear(7, 2)\n"
        "def failing(shape, outputs):\n"
        "    return nn.Linear(shape, outputs)\n"
    )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["age", "dose"])
    frame["ill"] = np.where(frame.age + rng.normal(size=90) > 0, "yes", "no")
    frame["clinic"] = np.repeat(["A", "B", "C"], 30)
    frame.to_csv("clinics.csv", index=False)
    few = ["--steps", "2", "--seeds", "1", "--jobs", "1", "--quiet"]
    asked = ["run", "clinics.csv", "--target", "ill", "--environment", "clinic", *few, "--model"]
    result = CliRunner().invoke(app, [*asked, "nets_of_tables:lazy"])
    assert result.exit_code == 0, result.output
    for name, said in [
        ("narrow", "Linear cannot read examples of 2 numbers"),
        ("failing", "The model failing cannot be made"),
    ]:
        result = CliRunner().invoke(app, [*asked, f"nets_of_tables:{name}"])
        assert result.exit_code == 2, result.output
        assert said in " ".join(result.stderr.split())


def test_modules_of_codes_fit_examples_of_whole_numbers():
    made = architecture(lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2)))
    own = made.initialise((3,), 2, 0)
    x = torch.tensor([[[1, 8, 3], [0, 0, 5]]])
    assert made.forward({name: p[None] for name, p in own.items()}, x).logits.shape == (1, 2, 2)
