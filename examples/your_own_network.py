"""python examples/your_own_network.py - compare methods on a network of your own."""

import torch
from torch import nn

import gengap as gg


def network(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Any module; ``shape`` is one example's, ``outputs`` the number of classes."""
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 64), nn.Tanh(),
                         nn.Linear(64, outputs))  # fmt: skip


torch.set_num_threads(2)
environments = gg.load_suite("digits-rotated")
study = gg.Study(environments, methods=["erm", "vrex"], model=network, seeds=2, steps=100)
result = study.run(lambda now: print(f"\r{now.done:.0f} of {now.total} runs", end=""))
print("\n" + result.answer)
print(result.methods[["method", "score_unseen", "cost_of_unseen", "verdict"]])
