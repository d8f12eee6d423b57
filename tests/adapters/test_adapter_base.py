"""The wrapper itself: what it reads, what it copies, what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import gengap as gg
from gengap.adapters.base import Adapter
from gengap.adapters.registry import adapter_info
from gengap.base.errors import UsageError
from gengap.models.networks import Output
from gengap.testing import adapter_toy


class Sayer(nn.Module):
    """Returns whatever a function makes of the logits."""

    def __init__(self, say: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.first, self.last, self.say = nn.Linear(3, 4), nn.Linear(4, 2), say

    def forward(self, x: Tensor) -> object:
        return self.say(self.last(self.first(x)))


def test_features_are_the_last_linear_layers_input() -> None:
    network = Sayer(lambda logits: {"logits": logits})
    x = torch.randn(5, 3)
    features, logits = Adapter(network).forward(x)
    torch.testing.assert_close(features, network.first(x))
    torch.testing.assert_close(logits, network.last(network.first(x)))


def test_a_module_may_give_both_itself() -> None:
    network = Sayer(lambda logits: Output(logits + 1, logits))
    features, logits = Adapter(network).forward(torch.randn(5, 3))
    torch.testing.assert_close(features, logits + 1)


def test_the_plain_adapter_answers_as_the_model_and_counts() -> None:
    toy = adapter_toy("images-groupnorm")
    adapter = Adapter(toy.model)
    with torch.no_grad():
        assert torch.equal(adapter.predict(toy.x), toy.model(toy.x))
    assert (adapter.forwards, adapter.backwards) == (len(toy.x), 0)


def test_numbers_get_the_networks_precision() -> None:
    answer = Adapter(nn.Linear(3, 2)).predict(torch.ones(4, 3, dtype=torch.float64))
    assert answer.dtype == torch.float32


@pytest.mark.parametrize(
    ("model", "x", "sentence"),
    [
        (lambda: nn.Linear(3, 2), torch.ones(4, 5), r"cannot read examples of shape \(5,\)"),
        (lambda: nn.Linear(3, 2), torch.ones(3), "A batch has one row or more"),
        (lambda: Sayer(lambda z: z.sum()), torch.ones(4, 3), "must return one row of logits"),
        (lambda: nn.LazyLinear(2), torch.ones(4, 3), "has no weights yet"),
    ],
)
def test_what_cannot_be_adapted_is_told(model, x: Tensor, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Adapter(model()).predict(x)


@pytest.mark.parametrize("name", ["Tent", "CovariateWeights", "QuantileAlignment", "TTT"])
def test_a_batch_that_is_refused_leaves_no_trace(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 4, generator=generator)
    y, environment = torch.arange(30) % 3, torch.arange(30) % 2
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    source = gg.adapters.Source(x, y, environment)
    spoilt, other = (getattr(gg.adapters, name)(network, source=source) for _ in range(2))
    missing = x[:6].clone()
    missing[2, 1] = float("nan")
    for batch in (missing, missing.nan_to_num(float("inf"))):
        with pytest.raises(UsageError, match=r"^A batch holds values that are not finite"):
            spoilt.predict(batch)
    with pytest.raises(UsageError, match=r"shape \(5,\)"):
        spoilt.predict(torch.ones(6, 5))
    for part in x.split(10):
        assert torch.equal(spoilt.predict(part), other.predict(part))


def test_weights_that_are_no_numbers_are_named() -> None:
    broken = nn.Sequential(nn.Linear(3, 2))
    nn.init.constant_(broken[0].bias, float("nan"))
    with pytest.raises(UsageError, match=r"0\.bias holds numbers that are not finite"):
        Adapter(broken)


def test_names_are_found_on_the_package() -> None:
    from gengap.adapters.registry import adapters

    for info in adapters().values():
        assert getattr(gg.adapters, info.adapter.__name__) is info.adapter
    with pytest.raises(AttributeError, match="no attribute 'Tnet'"):
        gg.adapters.Tnet  # noqa: B018


@pytest.mark.parametrize("name", ["LabelShift", "QuantileAlignment", "Hebbian"])
def test_networks_of_half_precision_adapt(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 4, generator=generator)
    source = gg.adapters.Source(x, torch.arange(40) % 3, torch.zeros(40))
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    adapter = getattr(gg.adapters, name)
    exact = adapter(network, source=source).predict(x)
    low = source.x.bfloat16(), source.y, source.environment
    rough = adapter(network.bfloat16(), source=gg.adapters.Source(*low)).predict(x)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)


def test_a_network_that_cannot_be_copied_is_told() -> None:
    with pytest.warns(FutureWarning):
        kept = nn.utils.weight_norm(nn.Linear(3, 2))
    kept(torch.ones(1, 3))
    with pytest.raises(UsageError, match="cannot be copied"):
        Adapter(kept)


@pytest.mark.parametrize("name", ["EATA", "PrototypeExpansion", "TTT"])
def test_training_examples_may_take_gradients_or_come_from_inference_mode(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(130, 4, generator=generator), torch.arange(130) % 3
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    adapter = getattr(gg.adapters, name)
    with torch.inference_mode():
        of_inference = x.clone()
    answers = []
    for known in (x, x.clone().requires_grad_(), of_inference):
        source = gg.adapters.Source(known, y, torch.zeros(130))
        answers.append(adapter(network, source=source).predict(x[:20]))
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("name", ["BatchStatistics", "PrototypeExpansion", "Tent"])
def test_autocast_changes_little(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(130, 4, generator=generator), torch.arange(130) % 3
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    source = gg.adapters.Source(x, y, torch.zeros(130))
    exact = getattr(gg.adapters, name)(network, source=source).predict(x[:20])
    with torch.autocast("cpu", torch.bfloat16):
        rough = getattr(gg.adapters, name)(network, source=source).predict(x[:20])
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("name", ["tent", "eata", "sar", "stamp"])
def test_one_example_at_a_time_is_learnt_from_where_nothing_normalises_by_the_batch(
    name: str,
) -> None:
    toy = adapter_toy("images-groupnorm")
    adapter = adapter_info(name).adapter(toy.model)
    before = [p.clone() for p in adapter.model.parameters()]
    for x in toy.x:
        adapter.predict(x[None])
    assert adapter.backwards > 0
    assert any(
        not torch.equal(p, b) for p, b in zip(adapter.model.parameters(), before, strict=True)
    )
