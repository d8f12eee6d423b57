from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from toys import Size, erm_gradients, toy

from gengap.methods.pasta import PASTA, frequencies, perturbed


def test_frequencies_by_hand() -> None:
    # Of four numbers the frequencies are 0, 1/4 and 1/2 of a turn, the last the highest.
    np.testing.assert_allclose(frequencies((4,)), [0, 0.5, 1])
    # Of 2 x 2 the mean of both axes' squares: sqrt((1 + 0) / 2) along one axis alone.
    np.testing.assert_allclose(frequencies((2, 2)), [[0, 0.5**0.5], [0.5**0.5, 1]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(7,), (2, 9), (2, 5, 6)])
def test_only_amplitudes_change_and_as_drawn(shape: tuple[int, ...]) -> None:
    axes = tuple(range(-1, -max(len(shape), 2), -1))[::-1]
    source = np.random.default_rng(0)
    x = np.random.default_rng(1).normal(size=(1, 2, 3, *shape))
    found = perturbed(torch.tensor(x), [copy.deepcopy(source)], 1.5, 0.1)[0].numpy()
    before = np.fft.rfftn(x[0], axes=axes)
    grids = [np.abs(2 * np.fft.fftfreq(shape[a])) for a in axes[:-1]]
    grids.append(np.abs(2 * np.fft.rfftfreq(shape[-1])))
    squares = np.mean([g**2 for g in np.meshgrid(*grids, indexing="ij")], 0)
    noise = 1 + (1.5**2 * squares + 0.1) * source.standard_normal(before.shape, np.float32)
    wanted = np.fft.irfftn(before * noise, s=[shape[a] for a in axes], axes=axes)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_constant_image_keeps_its_shape() -> None:
    x = torch.ones(1, 1, 2, 1, 6, 6)
    found = perturbed(x, [np.random.default_rng(0)], 3.0, 0.5)[0, 0]
    for image in found:
        torch.testing.assert_close(image, image.mean().expand_as(image))
    assert not torch.isclose(found[0].mean(), found[1].mean())


def test_without_noise_it_is_plain_training() -> None:
    problem = toy([PASTA(slope=0.0, base=0.0)] * 2, size=Size(shape=(2, 4, 4)))
    found = problem.method.gradients(problem.network, problem.batches[0], {})
    for name, value in erm_gradients(problem, problem.batches[0]).items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
