from __future__ import annotations

import numpy as np
import torch
from toys import erm_gradients, toy

from gengap.methods.gradient_noise import GradientNoise
from gengap.methods.optimizers import run_norms


def test_without_noise_the_gradient_is_clipped() -> None:
    problem = toy([GradientNoise(noise=0.0, clip=c) for c in (1e-3, 1e3)])
    batch = problem.batches[0]
    found = problem.method.gradients(problem.network, batch, {})
    plain = erm_gradients(problem, batch)
    length = run_norms(plain)
    for name, value in plain.items():
        torch.testing.assert_close(found[name][0], value[0] * (1e-3 / length[0]))
        torch.testing.assert_close(found[name][1], value[1])


def test_noise_is_normal_and_fades() -> None:
    problem = toy([GradientNoise(noise=0.3)] * 2)
    clean = toy([GradientNoise(noise=0.0)] * 2)
    for step in (0, 5):
        drawn = []
        for _ in range(60):
            batch = problem.batches[step]
            noisy = problem.method.gradients(problem.network, batch, {})
            plain = clean.method.gradients(clean.network, batch, {})
            drawn += [(noisy[name] - plain[name]).flatten() for name in noisy]
        noise = torch.cat(drawn).numpy()
        # Some 9,000 draws: the standard deviation is known to within two in a hundred.
        wanted = np.sqrt(0.3 / (1 + step) ** 0.55)
        np.testing.assert_allclose(noise.std(), wanted, rtol=0.05)
        assert abs(noise.mean()) < 4 * wanted / np.sqrt(noise.size)
