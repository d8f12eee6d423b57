"""Procedure cloning: imitate how the expert found out what to do, and then do that.

An expert that plans leaves more than its action: the cells that its search from the goal came to
after 0, 1, 2, ... steps, ``x_0, x_1, ...``. Given what is seen, ``s``, two things are learnt,

    L = 1/N Σ ℓ_x(p(x_{l+1} | x_l, s)) + 1/N Σ ℓ_a(π(a | t, s)),

the next step of the search, with ``l`` drawn anew for every example, and the action from its
result, the time ``t`` at which each cell was come to. Both losses are cross-entropies, the first
one's mean over the cells that the search has not come to. To act is to carry out the search
oneself, from nothing, until it has come to where one stands, and to act on what came of it.

The two networks are the method's own, small and local: whether a cell is come to next is told by it
and the eight around it, everywhere in the same way, and the action by the nine cells in the middle,
where the agent stands. That is what carries over to other levels; networks of the study would have
to learn the step at every cell apart. The study's network is not used.

Steps are learnt slowly at first, as few cells are come to in any one; the rate of learning is
higher than elsewhere for that.

Helps where the search's steps are simple and the way from observation to action is not. Hurts where
a step that is taken wrongly is followed by others that build on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.losses import cross_entropy
from gengap.methods.own_networks import drawn_own, said_by
from gengap.methods.registry import PROCEDURE, TRANSITIONS, register
from gengap.models.networks import Network, Output, Parameters

PATCH = 9  # cells of a patch
OWN = ("step", "act")
# Times are told apart up to so much before and after the middle's own.
NEAR = 2
# Inputs whose search is carried out together; bounds memory.
AT_ONCE = 1024


@register(
    "procedure-cloning",
    summary="clones the steps of the expert's search, searches itself, and acts on the result",
    paper=Paper(
        "Chain of thought imitation with procedure cloning",
        "Yang, Schuurmans, Abbeel, Nachum",
        2022,
        "https://arxiv.org/abs/2205.10816",
    ),
    tasks=("classification",),
    needs=(TRANSITIONS, PROCEDURE),
    own_network=True,
)
@dataclass(frozen=True)
class ProcedureCloning(Method):
    """Cloning of a search; the runs of a fleet agree in the width."""

    learning_rate: float = hyperparameter(3e-3, 1e-3, 1e-2, log=True, help="step size of AdamW")
    width: int = hyperparameter(32, 32, 32, help="hidden units of each of the two small networks")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Of the network that takes a step, and of the one that acts."""
        planes = len(_as_picture(torch.zeros(1, *context.shape))[0]) + 1
        width = int(torch.as_tensor(self.width).flatten()[0])
        found: Parameters = {}
        for name, outputs in zip(OWN, (1, context.outputs), strict=True):
            found |= drawn_own(name, PATCH * planes, outputs, width, generator)
        return found

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Of a step of the search, and of the action, ``(R,)``."""
        search = batch.searched().flatten(1, 2)
        picture = _as_picture(batch.x.flatten(1, 2).flatten(0, 1)).unflatten(0, search.shape[:2])
        told = _told(search, middle(search))
        _, said = said_by(network, "act", _patches(torch.cat([picture, told], 2), middle_only=True))
        acting = cross_entropy(said[:, :, 0], batch.y.flatten(1)).mean(1)
        return acting + self._step_loss(network, batch, picture, search)

    def _step_loss(self, network: Network, batch: Batch, picture: Tensor, search: Tensor) -> Tensor:
        """Cross-entropy of a step of each search, ``(R,)``, on the cells not yet come to."""
        longest = search.flatten(2).max(2).values.cpu().numpy()
        # From before the first step, when nothing has been come to, to after the last.
        drawn = [
            source.integers(-1, own + 1)
            for source, own in zip(batch.generators, longest, strict=True)
        ]
        done = torch.from_numpy(np.stack(drawn)).to(search.device)[..., None, None]
        come = (search >= 0) & (search <= done)
        next_ = (search >= 0) & (search <= done + 1)
        left = (~come).flatten(2)
        _, said = said_by(network, "step", _patches(_with(picture, come)))
        losses = F.binary_cross_entropy_with_logits(
            said[..., 0], next_.flatten(2).float(), reduction="none"
        )
        return (losses * left).sum((1, 2)) / left.sum((1, 2)).clamp(min=1)

    def output(self, network: Network, x: Tensor) -> Output:
        """What is acted on after a search of one's own."""
        flat = x.flatten(1, x.dim() - len(network.shape) - 1)
        parts = [self._answer(network, part) for part in flat.split(AT_ONCE, 1)]
        leading = x.shape[: x.dim() - len(network.shape)]
        made = [torch.cat(values, 1) for values in zip(*parts, strict=True)]
        return Output(*(values.view(*leading, -1) for values in made))

    def _answer(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        picture = _as_picture(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        search = searched(network, picture)
        told = torch.cat([picture, _told(search, middle(search))], 2)
        features, said = said_by(network, "act", _patches(told, middle_only=True))
        return features[:, :, 0], said[:, :, 0]


@torch.no_grad()
def searched(network: Network, picture: Tensor) -> Tensor:
    """Steps after which a search of one's own comes to each cell, ``(R, n, h, w)``; -1 for never.

    Args:
        picture: ``(R, n, planes, h, w)``.
    """
    shape = *picture.shape[:2], *picture.shape[3:]
    found = torch.full(shape, -1, dtype=torch.int64, device=picture.device)
    for step in range(shape[2] * shape[3]):
        _, said = said_by(network, "step", _patches(_with(picture, found >= 0)))
        new = (said[..., 0] > 0).view(shape) & (found < 0)
        # Who has been come to needs to know no more; the others go on while anything moves.
        new &= (middle(found) < 0)[..., None, None]
        if not bool(new.any()):
            break
        found[new] = step
    return found


def middle(search: Tensor) -> Tensor:
    """Where the agent stands: the cell ``(R, n)`` in the middle of ``(R, n, h, w)``."""
    return search[..., search.shape[-2] // 2, search.shape[-1] // 2]


def _told(search: Tensor, own: Tensor) -> Tensor:
    """When cells were come to, before or after the middle, as a plane ``(R, n, 1, h, w)``."""
    apart = (search - own[..., None, None]).clamp(-NEAR, NEAR)
    return torch.where(search < 0, NEAR, apart)[:, :, None] / NEAR


def _with(picture: Tensor, come: Tensor) -> Tensor:
    return torch.cat([picture, come[:, :, None].to(picture)], 2)


def _as_picture(x: Tensor) -> Tensor:
    """Inputs ``(n, *shape)`` as ``(n, planes, h, w)``; those that are no pictures as one line."""
    return x if x.dim() == 4 else x.flatten(1)[:, None, None]


def _patches(planes: Tensor, middle_only: bool = False) -> Tensor:
    """Each cell of ``(R, n, p, h, w)`` with those around it, ``(R, n, cells, 9 p)``."""
    wide = F.pad(planes, (1, 1, 1, 1))
    found = wide.unfold(3, 3, 1).unfold(4, 3, 1)  # (R, n, p, h, w, 3, 3)
    if middle_only:
        row, column = found.shape[3] // 2, found.shape[4] // 2
        found = found[:, :, :, row : row + 1, column : column + 1]
    return found.permute(0, 1, 3, 4, 2, 5, 6).flatten(4).flatten(2, 3)
