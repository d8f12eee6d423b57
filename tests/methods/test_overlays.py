from __future__ import annotations

import numpy as np
import torch

from gengap.methods.overlays import overlaid


def test_an_overlay_is_a_part_of_what_is_seen_drawn_for_each_run() -> None:
    x, share = torch.ones(2, 3, 4), torch.tensor([0.25, 1.0])
    made = overlaid(x, [np.random.default_rng(0), np.random.default_rng(1)], share)
    for run, part in enumerate((0.25, 1.0)):
        drawn = np.random.default_rng(run).standard_normal((3, 4), np.float32)
        np.testing.assert_allclose(made[run], (1 - part) + part * drawn, rtol=1e-6)


def test_of_pictures_it_is_smooth_and_of_their_own_scale() -> None:
    x = torch.zeros(1, 400, 3, 20, 20)
    made = overlaid(x, [np.random.default_rng(0)], 1.0)[0]
    beside, apart = (made[..., k:] * made[..., : 20 - k] for k in (1, 15))
    assert beside.mean() > 0.3
    assert abs(apart.mean()) < 0.02
    assert abs(made.mean()) < 0.02
    assert made[..., 0, 0].std() > 0.9  # a colour as drawn; elsewhere means of several
