"""Other views of an input, whatever its form: an example is moved a little and stays what it is."""

from __future__ import annotations

import torch
from torch import Tensor


def noisy(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """A view of each example of a batch ``(n, *shape)``.

    Numbers get Gaussian noise of ``strength`` times their place's spread over the batch, or over
    an example where the batch has but one. Tokens are each, with the chance ``strength``, taken
    from the same place of another example.
    """
    if x.is_floating_point():
        # Many times as fast as torch.std over the first axis.
        spread = (x - x.mean(0)).square().mean(0).sqrt() if len(x) > 1 else x.std(correction=0)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float32)
        return x + strength * spread * noise.to(x.device, x.dtype)
    other = x[torch.randperm(len(x), generator=generator).to(x.device)]
    taken = torch.rand(x.shape, generator=generator) < strength
    return torch.where(taken.to(x.device), other, x)
