"""Replicas: what runs is never the user's module, whatever it refers to and however it changes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal, weight_norm

from gengap.base.errors import UsageError
from gengap.models.passes import pure, replica
from gengap.models.reading import outputs_of, reader_of

X = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))


class Roundabout(nn.Module):
    """Reaches its layers by a list, a dictionary, a bound method and its own name."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.drop = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.top = nn.Linear(6, 3)
        self.steps = [(self.first, self.norm)]
        self.named = {"drop": self.drop}
        self.end = self.finish
        self.calls = 0
        self.register_buffer("seen", torch.zeros(4))
        self.watch: Callable[[], None] | None = None

    def finish(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen += 1
        return self.top(x)

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps[0]:
            x = step(x)
        if self.watch is not None:
            self.watch()
        return self.end(self.named["drop"](x))


def test_every_way_to_a_submodule_leads_to_the_replicas():
    model = Roundabout()
    expected = copy.deepcopy(model).eval()(X)
    own = replica(model)
    torch.testing.assert_close(own(X), expected)
    assert not own.training
    assert (own.calls, own.seen.tolist()) == (1, [1] * 4)
    assert (model.calls, model.seen.tolist()) == (0, [0] * 4)
    assert model.norm.num_batches_tracked == 0
    assert own.first.weight.data_ptr() == model.first.weight.data_ptr()


def test_while_it_is_read_the_model_is_in_its_own_mode_and_has_no_hooks():
    model, seen = Roundabout(), []
    model.watch = lambda: seen.append(
        [(m.training, len(m._forward_hooks)) for m in model.modules()]
    )
    outputs = outputs_of(model, X)
    outputs.network(outputs.inputs)
    assert len(seen) == 4  # a look at the layers, the batch, its tail, the function
    assert all(state == (True, 0) for states in seen for state in states)


def test_the_users_own_hooks_run():
    model = Roundabout()
    model.top.register_forward_hook(lambda module, given, output: 2 * output)
    expected = copy.deepcopy(model).eval()(X)
    torch.testing.assert_close(outputs_of(model, X).logits, expected)
    assert len(model.top._forward_hooks) == 1


@pytest.mark.parametrize("wrapped", [weight_norm, orthogonal, nn.utils.spectral_norm])
def test_weights_that_are_made_anew_for_every_pass(wrapped):
    torch.manual_seed(0)
    model = nn.Sequential(wrapped(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 3))
    before = copy.deepcopy(model.state_dict())
    expected = copy.deepcopy(model).eval()(X)
    torch.testing.assert_close(outputs_of(model, X).logits, expected)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("how", ["whole", "part", "in place"])
def test_compiled_networks_are_read_as_they_were(how):
    plain = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 3))
    expected = outputs_of(plain, X)
    model: nn.Module = plain
    if how == "whole":
        model = torch.compile(plain, backend="eager")
        assert reader_of(model, X).plan == reader_of(plain, X).plan
    elif how == "part":
        model = nn.Sequential(torch.compile(plain[:3], backend="eager"), plain[3])
    else:
        plain.compile(backend="eager")
    model(X)
    made = outputs_of(model, X)
    torch.testing.assert_close(made.features, expected.features)
    torch.testing.assert_close(made.logits, expected.logits)
    assert model.training


def test_recurrent_networks():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.inner, self.top = nn.LSTM(2, 5, 2, batch_first=True, dropout=0.5), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.top(self.inner(x)[0][:, -1])

    model, x = Last(), torch.randn(6, 4, 2)
    expected = copy.deepcopy(model).eval()(x)
    torch.testing.assert_close(outputs_of(model, x).logits, expected)
    inputs = x.clone().requires_grad_()
    assert torch.autograd.grad(pure(model)(inputs).sum(), inputs)[0].shape == x.shape
    assert all(p.grad is None for p in model.parameters())


def test_later_weights_are_read():
    model = Roundabout()
    reader = reader_of(model, X)
    with torch.no_grad():
        model.top.bias += 5
    torch.testing.assert_close(reader.read(X).logits, copy.deepcopy(model).eval()(X))


def test_networks_that_cannot_be_watched():
    scripted = torch.jit.trace(nn.Linear(4, 3), X)
    for model in (scripted, nn.Sequential(scripted)):
        with pytest.raises(UsageError, match=r"torch\.jit\.script or trace does not show"):
            outputs_of(model, X)
    with pytest.raises(UsageError, match="has no weights yet; run it once"):
        outputs_of(nn.Sequential(nn.LazyLinear(3)), X)
