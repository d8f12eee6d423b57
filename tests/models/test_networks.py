"""Architectures: names, features, and what may share a program."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gengap.base.errors import UsageError
from gengap.models.factories import small_cnn
from gengap.models.networks import MLP, Module, Network, architecture


def module(*layers) -> Module:
    """An initialised module of the given layers, made anew on every call of the factory."""
    made = Module(lambda: nn.Sequential(*(layer() for layer in layers)))
    made.initialise((4,), 2, 0)
    return made


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("linear", MLP(())),
        ("mlp", MLP((128, 128))),
        ("mlp(64)", MLP((64,))),
        (" MLP( 64, 32 ) ", MLP((64, 32))),
    ],
)
def test_names_of_architectures(written, expected):
    assert architecture(written) == expected


def test_a_name_read_again_is_the_same_architecture():
    for made in (MLP(()), MLP((5,)), MLP((64, 32))):
        assert architecture(made.name) == made
    assert architecture("cnn").name == "cnn"
    assert architecture(MLP((3,))) == MLP((3,))


@pytest.mark.parametrize(
    "wrong", ["mpl", "mlp()", "mlp(0)", "mlp(-3)", "mlp(a)", "mlp(64", "", "mlp(1.5)"]
)
def test_unknown_architectures_are_refused(wrong):
    with pytest.raises(UsageError, match="There is no model"):
        architecture(wrong)


def test_a_factory_that_returns_no_module_is_refused():
    with pytest.raises(UsageError, match=r"returned int, not a torch\.nn\.Module"):
        architecture(lambda shape, outputs: 3).initialise((4,), 2, 0)


def test_a_cnn_needs_images_or_signals():
    with pytest.raises(UsageError, match=r"shape \(10,\); use --model mlp"):
        architecture("cnn").initialise((10,), 2, 0)
    for shape in ((1, 8, 8), (3, 9)):
        logits = small_cnn(shape, 5)(torch.zeros(2, *shape))
        assert logits.shape == (2, 5)


@pytest.mark.parametrize(
    ("layers", "together"),
    [
        ((lambda: nn.Linear(4, 3), nn.ReLU, lambda: nn.Linear(3, 2)), True),
        ((lambda: nn.Linear(4, 3), lambda: nn.LayerNorm(3), lambda: nn.Linear(3, 2)), True),
        ((lambda: nn.Linear(4, 3), lambda: nn.BatchNorm1d(3), lambda: nn.Linear(3, 2)), False),
        ((lambda: nn.Linear(4, 3), lambda: nn.Dropout(0.5), lambda: nn.Linear(3, 2)), False),
        ((lambda: nn.Conv1d(4, 3, 1), nn.Flatten, lambda: nn.Linear(3, 2)), False),
        ((lambda: nn.GRU(4, 3),), False),
    ],
    ids=["linear", "layer norm", "batch norm", "dropout", "convolution", "recurrent"],
)
def test_what_has_state_or_convolutions_runs_alone(layers, together):
    assert module(*layers).vectorises is together


def test_whether_a_module_vectorises_is_known_after_initialise():
    with pytest.raises(RuntimeError, match="call initialise first"):
        _ = Module(lambda: nn.Linear(4, 2)).vectorises


def test_features_are_the_input_of_the_last_linear_layer():
    made = module(lambda: nn.Linear(4, 3), nn.Tanh, lambda: nn.Linear(3, 2))
    own = made.initialise((4,), 2, 5)
    x = torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(0))
    output = made.forward({name: p[None] for name, p in own.items()}, x)
    features = torch.tanh(x[0] @ own["0.weight"].T + own["0.bias"])
    torch.testing.assert_close(output.features[0], features)
    torch.testing.assert_close(output.logits[0], features @ own["2.weight"].T + own["2.bias"])


def test_runs_in_one_program_are_the_runs_alone():
    made = module(lambda: nn.Linear(4, 3), nn.Tanh, lambda: nn.Linear(3, 2))
    own = [made.initialise((4,), 2, seed) for seed in range(3)]
    x = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    stacked = {name: torch.stack([p[name] for p in own]) for name in own[0]}
    together = made.forward(stacked, x)
    for run, parameters in enumerate(own):
        alone = made.forward({k: p[None] for k, p in parameters.items()}, x[run : run + 1])
        torch.testing.assert_close(together.logits[run], alone.logits[0])
        torch.testing.assert_close(together.features[run], alone.features[0])


def test_features_of_an_mlp_by_hand():
    made = MLP((2,))
    own = {
        "weight0": torch.tensor([[[1.0, -1.0], [2.0, 0.0]]]), "bias0": torch.tensor([[[0.0, 1.0]]]),
        "weight1": torch.tensor([[[1.0], [10.0]]]), "bias1": torch.tensor([[[0.5]]]),
    }  # fmt: skip
    output = made.forward(own, torch.tensor([[[1.0, 1.0], [-3.0, 1.0]]]))
    # (1, 1): relu(3, 0) and 3 + 0.5; (-3, 1): relu(-1, 4) = (0, 4) and 40 + 0.5.
    assert output.features.tolist() == [[[3, 0], [0, 4]]]
    assert output.logits.tolist() == [[[3.5], [40.5]]]


@pytest.mark.parametrize(
    "made", [MLP((3,)), Module(lambda s, o: nn.Linear(s[0], o))], ids=["layers", "module"]
)
def test_initial_weights_depend_on_the_seed_alone(made):
    torch.manual_seed(0)
    first = made.initialise((4,), 2, 1)
    torch.manual_seed(99)
    again, other = made.initialise((4,), 2, 1), made.initialise((4,), 2, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_initial_weights_are_pytorchs():
    """Uniform within 1/sqrt(inputs): mean 0 and standard deviation 1/sqrt(3 inputs)."""
    weight = MLP((300,)).initialise((100,), 2, 0)["weight0"]
    assert weight.abs().max() <= 0.1
    assert weight.std() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=0.002)


def test_modules_of_another_structure_have_another_name():
    names = {
        Module(lambda: nn.Linear(4, 2)).name,
        Module(lambda: nn.Linear(4, 3)).name,
        Module(lambda: nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.1))).name,
        Module(lambda: nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.2))).name,
    }
    assert len(names) == 4
    assert Module(lambda: nn.Linear(4, 2)).name in names
    assert Module(lambda: nn.Linear(4, 2), name="mine").name == "mine"


def test_a_network_keeps_the_leading_axes():
    made = MLP((3,))
    stacked = {k: torch.stack([p, p]) for k, p in made.initialise((2, 2), 5, 0).items()}
    output = Network(made, stacked, (2, 2))(torch.zeros(2, 4, 6, 2, 2))
    assert output.features.shape == (2, 4, 6, 3)
    assert output.logits.shape == (2, 4, 6, 5)
