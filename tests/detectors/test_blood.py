from __future__ import annotations

import pytest
import torch
from torch import nn

from gengap.base.errors import UsageError
from gengap.detectors.blood import Blood, directions, squared_norm
from gengap.models.outputs import Outputs


def linear_outputs(*matrices: torch.Tensor, rows: int = 5) -> Outputs:
    """Layers that follow each other by matrices ``(d_l, d_{l+1})``."""
    layers = [torch.randn(rows, len(matrices[0]), generator=torch.Generator().manual_seed(0))]
    for matrix in matrices:
        layers.append(layers[-1] @ matrix)
    tail = tuple(lambda rows, m=matrix: rows @ m for matrix in matrices)
    return Outputs(logits=layers[-1], layers=tuple(layers[:-1]), tail=tail)


def test_linear_maps_have_the_norms_of_their_matrices() -> None:
    first, second = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([[2.0, 0.0, 1.0]] * 2)
    outputs = linear_outputs(first, second)
    scores = Blood().score(Blood().fit(outputs), outputs)
    # Squared norms 1 + 4 + 9 = 14 and 2 (4 + 1) = 10.
    assert scores.tolist() == pytest.approx([12.0] * 5, rel=1e-5)


def test_jacobian_of_a_nonlinear_map_in_closed_form() -> None:
    rows, weight = torch.randn(7, 4), torch.randn(4, 3)
    found = squared_norm(lambda x: torch.tanh(x @ weight), rows, directions(3, 16, 0, 0))
    slope = 1 - torch.tanh(rows @ weight).square()
    jacobian = weight[None] * slope[:, None]
    assert torch.allclose(found.float(), jacobian.square().sum((1, 2)), rtol=1e-4)


def test_few_directions_are_orthogonal_and_unbiased() -> None:
    matrix = torch.diag(torch.arange(1.0, 9.0))
    exact = float(matrix.square().sum())
    for number in range(2):
        along = directions(8, 3, 0, number)
        assert torch.allclose(along @ along.T, 8 * torch.eye(3), atol=1e-5)
    estimates = torch.stack(
        [(directions(8, 3, seed, 0) @ matrix).square().sum() / 3 for seed in range(400)]
    )
    error = float(estimates.std()) / 20
    assert abs(float(estimates.mean()) - exact) < 4 * error
    assert float(estimates.std()) > 0


def test_sharp_places_are_strange() -> None:
    bend = nn.Softplus()
    layer = torch.tensor([[5.0, 5.0], [-5.0, -5.0]])
    outputs = Outputs(logits=bend(layer), layers=(layer,), tail=(bend,))
    strange, usual = Blood().score(Blood().fit(outputs), outputs)
    assert strange > usual


def test_works_without_gradients_being_recorded() -> None:
    outputs = linear_outputs(torch.eye(2))
    with torch.inference_mode():
        scores = Blood().score(Blood().fit(outputs), outputs)
    assert scores.tolist() == pytest.approx([2.0] * 5)


def test_maps_that_do_not_match_the_layers_are_a_usage_error() -> None:
    outputs = linear_outputs(torch.eye(2))
    with pytest.raises(UsageError, match="1 layers, 0 maps"):
        Blood().fit(Outputs(logits=outputs.logits, layers=outputs.layers))
