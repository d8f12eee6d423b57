"""Small perceptrons of a method's own, beside the study's network or in its place.

Each has one hidden layer; its parameters are ``NAME/...``. What it reads need not be what the
study's network does, as that of :meth:`~gengap.methods.base.Method.networks` must.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gengap.models.layers import perceptron
from gengap.models.networks import MLP, Network, Output, Parameters


def drawn_own(
    name: str, inputs: int, outputs: int, width: int, generator: torch.Generator
) -> Parameters:
    """One run's perceptron as networks begin."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    made = MLP((width,)).initialise((inputs,), outputs, seed)
    return {f"{name}/{parameter}": value for parameter, value in made.items()}


def said_by(network: Network, name: str, x: Tensor) -> Output:
    """Hidden units and what a perceptron says of ``x (R, ..., d)``."""
    p = network.parameters
    weights, biases = ([p[f"{name}/{kind}{k}"] for k in (0, 1)] for kind in ("weight", "bias"))
    made = perceptron(x.flatten(1, -2), weights, biases)
    return Output(*(values.unflatten(1, x.shape[1:-1]) for values in made))
