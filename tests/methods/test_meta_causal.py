from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit, log_softmax, softmax
from toys import Size, toy

from gengap.methods.meta_causal import MetaCausal
from gengap.methods.simulated_shifts import SimulatedShifts, intervened, neighbours, shifted


def test_interventions_by_hand() -> None:
    found = intervened(torch.tensor([[[2.0, 4.0, 6.0, 8.0]]]), 1)[0, :, 0]
    assert found.tolist() == [
        [1, 2, 3, 4],
        [3, 5, 7, 9],
        [6, 4, 6, 4],  # of 2 the neighbours are 8 and 4, of 8 they are 6 and 2
        [2, 0, 6, 0],
    ]


def test_neighbours_in_an_image_are_four() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    assert neighbours(image, 3)[0, 0, 1, 1] == (1 + 3 + 5 + 7) / 4


def test_shifts_are_of_the_stated_size_and_leave_some_inputs() -> None:
    batch = toy([SimulatedShifts()], size=Size(batch=200, pool=200)).batches[0]
    x, found = batch.x[0].flatten(0, 1).numpy(), shifted(batch, 1)[0].flatten(0, 1).numpy()
    same = (found == x).all(1)
    # Each factor by a coin: a sixteenth is left alone, four standard errors around it.
    share, n = 1 / 16, len(x)
    assert abs(same.mean() - share) < 4 * np.sqrt(share * (1 - share) / n)
    assert np.abs(found).max() <= 1.5 * np.abs(x).max() + 1
    lost = (found == 0).mean()
    assert abs(lost - 0.5 * 0.25) < 0.03  # half of the examples lose a quarter on average


def test_causes_are_inferred_and_reduced_as_numpy_does() -> None:
    problem = toy([MetaCausal(alignment=2.0)])
    own = problem.network.parameters
    with torch.no_grad():
        drawn = torch.randn(own["maps.second"].shape, generator=torch.Generator().manual_seed(0))
        own["maps.second"].copy_(0.1 * drawn)
    batch = problem.batches[0]
    p = {name: value[0].detach().numpy() for name, value in own.items()}

    def features(x: np.ndarray) -> np.ndarray:
        return np.maximum(x @ p["weight0"] + p["bias0"], 0)

    def head(h: np.ndarray) -> np.ndarray:
        return h @ p["head.weight"] + p["head.bias"]

    def mended(x: np.ndarray) -> np.ndarray:
        h, even = features(x), np.arange(5) % 2 == 0
        around = (np.roll(x, 1, -1) + np.roll(x, -1, -1)) / 2
        done = [x / 2, x + 1, around, x * even]
        effect = [softmax(head(features(d)), -1) - softmax(head(h), -1) for d in done]
        weight = expit(np.concatenate(effect, -1) @ p["weigh.weight"] + p["weigh.bias"])
        hidden = np.maximum(h @ p["maps.first.weight"] + p["maps.first.bias"], 0)
        return h + (hidden * np.repeat(weight, 32, -1)) @ p["maps.second"]

    x = batch.x[0].numpy()
    told = problem.method.output(problem.network, batch.x)
    np.testing.assert_allclose(told.features[0].detach(), mended(x), atol=1e-5)
    np.testing.assert_allclose(told.logits[0].detach(), head(mended(x)), atol=1e-5)
    states = [g.bit_generator.state for g in batch.generators]
    changed = shifted(batch, 1)[0].numpy()
    for g, state in zip(batch.generators, states, strict=True):
        g.bit_generator.state = state
    y = batch.y[0].numpy()[..., None]
    risks = [
        -np.take_along_axis(log_softmax(head(h), -1), y, -1).mean()
        for h in (features(x), mended(changed))
    ]
    left = np.mean((mended(changed) - features(x)) ** 2)
    found = problem.method.loss(problem.network, batch, {})
    np.testing.assert_allclose(found.item(), np.mean(risks) + 2.0 * left, rtol=1e-5)
