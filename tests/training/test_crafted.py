"""Shifts that are crafted on validation inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.training.crafted import crafted


def test_ways_of_rows_by_hand() -> None:
    x = torch.tensor([2.0, -4.0, 6.0]).expand(1, 6, 3)
    found = crafted(x, torch.arange(6)[None], 1)[0]
    assert found[1:].tolist() == [
        [1, -2, 3], [3, -6, 9], [2.5, -3.5, 6.5], [1.5, -4.5, 5.5], [2, 0, 6],
    ]  # fmt: skip


def test_noise_is_normal_and_each_rows_own() -> None:
    rows = 6 * torch.arange(300)[None]
    noise = crafted(torch.zeros(1, 300, 40), rows, 1)[0].numpy()
    assert abs(noise.std() - 0.5) < 0.02
    assert abs(noise.mean()) < 0.02
    apart = np.corrcoef(noise)[~np.eye(300, dtype=bool)]
    assert np.abs(apart).mean() < 0.2


def test_images_are_smoothed_and_moved_as_well() -> None:
    image = torch.arange(16.0).view(1, 1, 1, 4, 4)
    moved = crafted(image, torch.tensor([[7]]), 3)[0, 0, 0]
    assert moved[1].tolist() == [0, 4, 5, 6]
    smooth = crafted(image, torch.tensor([[6]]), 3)[0, 0, 0]
    assert smooth[1, 1] == (1 + 4 + 6 + 9) / 4


@pytest.mark.parametrize("shape", [(5,), (2, 9), (1, 4, 4)])
def test_a_row_is_changed_alike_wherever_it_stands(shape: tuple[int, ...]) -> None:
    x = torch.randn(2, 30, *shape, generator=torch.Generator().manual_seed(0))
    rows = torch.randperm(100, generator=torch.Generator().manual_seed(1))[:60].view(2, 30)
    whole = crafted(x, rows, len(shape))
    alone = crafted(x[1:, 7:8], rows[1:, 7:8], len(shape))
    assert torch.equal(whole[1, 7], alone[0, 0])
