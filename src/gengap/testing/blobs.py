"""A small trained network and what it makes of familiar and strange examples.

Three blobs in six dimensions, their centres at equal distances, and a perceptron with two hidden
layers trained on them in a tenth of a second. Strangers come in two kinds: ``between`` the blobs,
where a classifier cannot decide, and ``far`` from all of them, where it may well be sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.base.seeds import derive
from gengap.models.outputs import Head, Outputs
from gengap.models.reading import outputs_of

DIMENSIONS, WIDTH, CLASSES = 6, 16, 3
CENTRES = 4 * (torch.eye(CLASSES, DIMENSIONS) - F.pad(torch.full((3,), 1 / 3), (0, 3)))


@dataclass(frozen=True)
class Blobs:
    """One network's outputs.

    Attributes:
        train: on the examples it was trained on, with labels.
        new: on further examples from the blobs.
        between: on strangers around the middle of the blobs.
        far: on strangers ten times as far out as the blobs.
    """

    train: Outputs
    new: Outputs
    between: Outputs
    far: Outputs


@lru_cache
def blobs(task: str = "classification", examples: int = 60, seed: int = 0) -> Blobs:
    """Draw the blobs, train the network and show it everything.

    Args:
        task: for ``"regression"`` the target is a noisy sum of the inputs and the network has one
            output; for ``"multi-label"`` each blob is a label that an example has or not.
        examples: per blob, for training; as many are new, and as many again strange.
    """
    source = torch.Generator().manual_seed(derive(seed, "blobs", task, examples))

    def around(centres: Tensor) -> Tensor:
        return centres + torch.randn(len(centres), DIMENSIONS, generator=source) / 2

    labels = torch.arange(CLASSES).repeat(examples)
    centres = CENTRES[labels]
    inputs, new, between = around(centres), around(centres), around(0 * centres)
    far = 40 * F.normalize(torch.randn(inputs.shape, generator=source), dim=1)
    if task == "regression":
        labels = inputs.sum(1) + torch.randn(len(inputs), generator=source) / 10
    elif task == "multi-label":
        labels = F.one_hot(labels).float()
    network = trained(inputs, labels, seed)
    return Blobs(
        shown(network, inputs, labels),
        shown(network, new),
        shown(network, between),
        shown(network, far),
    )


def trained(inputs: Tensor, labels: Tensor, seed: int = 0, steps: int = 150) -> nn.Sequential:
    """A perceptron after full-batch training.

    Labels ``(n,)`` of integers are classes, others targets; ``(n, L)`` are labels of 0 and 1.
    """
    classes = labels.dtype == torch.int64
    width = int(labels.max()) + 1 if classes else labels[0].numel()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive(seed, "blobs network"))
        network = nn.Sequential(
            nn.Linear(inputs.shape[1], WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, width),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(steps):
            logits = network(inputs)
            if classes:
                loss = F.cross_entropy(logits, labels)
            elif labels.dim() == 2:
                loss = F.binary_cross_entropy_with_logits(logits, labels)
            else:
                loss = F.mse_loss(logits[:, 0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        optimizer.zero_grad()
    return network.eval()


@torch.no_grad()
def shown(network: nn.Sequential, inputs: Tensor, labels: Tensor | None = None) -> Outputs:
    """Everything that a network of :func:`trained` makes of some inputs."""
    first, second, last = network[:2], network[2:4], network[4]
    assert isinstance(last, nn.Linear)
    hidden = first(inputs)
    features = second(hidden)
    # The same network as one that drops units, and whose first layer is a map of 4 channels.
    fold = nn.Dropout(0.2), nn.Unflatten(1, (4, WIDTH // 4)), nn.Flatten()
    folded = outputs_of(nn.Sequential(first, *fold, second, last), inputs)
    return Outputs(
        logits=last(features),
        features=features,
        layers=(hidden, features),
        inputs=inputs,
        labels=labels,
        head=Head(last.weight.detach().clone(), last.bias.detach().clone()),
        network=network,
        tail=(second, last),
        maps=folded.maps,
        dropout=folded.dropout,
    )
