"""Products in bfloat16: what is refused, what stays float32, and how far gradients move."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.models import precision
from gengap.models.factories import small_cnn
from gengap.models.networks import MLP, architecture
from study_builders import study, wards


@pytest.fixture
def anywhere(monkeypatch):
    """Let bf16 run on any processor; without its instructions it is only slow."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device="cpu": True)


def test_an_unknown_precision_is_refused():
    with pytest.raises(UsageError, match="there are: fp32, bf16"):
        precision.products("fp16")


def test_bf16_is_refused_where_the_processor_lacks_it(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device="cpu": False)
    with pytest.raises(UsageError, match="no instructions for bf16"):
        study(wards(), precision="bf16").validate()


def gradients(model, products, shape):
    made = architecture(model, products)
    parameters = {
        name: p[None].repeat(2, *[1] * p.dim()).requires_grad_()
        for name, p in made.initialise(shape, 3, seed=0).items()
    }
    runs = 2 if made.vectorises else 1
    parameters = {name: p.detach()[:runs].requires_grad_() for name, p in parameters.items()}
    x = torch.randn(runs, 64, *shape, generator=torch.Generator().manual_seed(1))
    output = made.forward(parameters, x)
    loss = output.logits.softmax(-1)[..., 0].sum() + output.features.square().mean()
    with torch.no_grad():
        predicted = made.forward(parameters, x).logits
    return torch.autograd.grad(loss, list(parameters.values())), output, predicted


@pytest.mark.parametrize(
    ("model", "shape"), [("mlp(32,32)", (8,)), ("linear", (8,)), (small_cnn, (1, 8, 8))]
)
def test_gradients_are_float32s_to_the_digits_of_bfloat16(model, shape):
    exact, _, plain = gradients(model, torch.float32, shape)
    rough, output, predicted = gradients(model, torch.bfloat16, shape)
    assert output.logits.dtype == output.features.dtype == torch.float32
    assert torch.equal(predicted, plain)  # predictions are not rounded
    for a, b in zip(exact, rough, strict=True):
        assert b.dtype == torch.float32
        # Eight bits round by 2^-9 at most. Layers add up to some times that, and where rounding
        # turns a rectifier off or pools another pixel, a slope goes elsewhere.
        assert 0 < float((a - b).norm()) < 0.1 * float(a.norm())


def test_an_architecture_keeps_its_name():
    assert architecture("mlp(8)", torch.bfloat16).name == MLP((8,)).name


def test_runs_of_fp32_keep_their_keys_and_those_of_bf16_have_their_own(anywhere):
    plain, reduced = study(wards()), study(wards(), precision="bf16")
    assert all("precision" not in entry.settings for entry in plain.plan.entries)
    assert {entry.settings["precision"] for entry in reduced.plan.entries} == {"bf16"}
    keys = [{run.key for run, _ in s.plan.runs["erm"]} for s in (plain, reduced)]
    assert not keys[0] & keys[1]


def test_scores_stay_within_the_spread_of_seeds(anywhere):
    """A seed's accuracy moves by less than from one seed to another."""
    environments = wards((80, 80, 80, 80))
    accuracy = [
        [
            study(environments, seeds=[seed], steps=60, precision=chosen).run().gaps.unseen.mean()
            for seed in range(5)
        ]
        for chosen in ("fp32", "bf16")
    ]
    exact, rough = np.array(accuracy)
    assert np.abs(exact - rough).max() < np.std(exact, ddof=1)
