"""What learners of action values share: networks beside the policy, and targets that follow slowly.

The worth of an action is learnt from a guess of what comes after it, so a guess that moves with
every step would chase itself. The guess is therefore made by a slow copy ``θ'`` of the parameters,

    θ' <- θ' + ρ (θ - θ'),

kept in the method's state under ``target/``. Networks are named as in :meth:`Method.networks`; the
empty name is the study's own. Gradients go past autograd: each network is evaluated once and given
the slopes of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.optimizers import Optimizer
from gengap.methods.practice import Transitions
from gengap.models.networks import Network, Output, Parameters

TARGET = "target/"
# Twins: the smaller of two guesses is taken, as one alone is believed most where it errs upwards.
TWINS = ("q1", "q2")

# Makes parameters' gradients of the slopes of a value per example, (R, E, B).
Back = Callable[[Tensor], Parameters]


def target_rate(default: float = 0.005) -> Any:
    """The hyperparameter ``ρ``."""
    return hyperparameter(
        default, 0.001, 0.1, log=True, limit=1, help="share of the way that targets move in a step"
    )


class Followed(Method):
    """A method some of whose networks slow copies follow, in its ``state``."""

    followed: ClassVar[tuple[str, ...]] = ("",)
    target_rate: float

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """The slow copies."""
        return slow_copies(parameters, self.followed)

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Take a step, then let the slow copies follow."""
        super().update(network, optimizer, batch, state)
        follow(state, network.parameters, self.target_rate)


def twins(context: Context) -> dict[str, tuple[int, int]]:
    """Two networks of action values: one output an action, or the action as a further input."""
    size = (0, context.outputs) if context.task == "classification" else (context.outputs, 1)
    return dict.fromkeys(TWINS, size)


def part(network: Network, name: str, further: int = 0) -> Network:
    """One of a method's networks by its name, the study's own where it is empty."""
    if name:
        return network.branch(name, further)
    return network.at({p: value for p, value in network.parameters.items() if "/" not in p})


def slow_copies(parameters: Parameters, names: Iterable[str]) -> dict[str, Tensor]:
    """Copies of some networks' parameters, to be followed from afar."""
    wanted = tuple(names)
    return {
        TARGET + name: value.detach().clone()
        for name, value in parameters.items()
        if ("/" in name and name.split("/")[0] in wanted) or ("/" not in name and "" in wanted)
    }


def slow(network: Network, state: dict[str, Tensor]) -> Network:
    """The networks at their slow copies, for a look."""
    own = {p[len(TARGET) :]: v for p, v in state.items() if p.startswith(TARGET)}
    return network.at(own).still()


@torch.no_grad()
def follow(state: dict[str, Tensor], parameters: Parameters, rate: Tensor | float) -> None:
    """Move the slow copies towards the parameters, each run by its own rate."""
    names = [name for name in state if name.startswith(TARGET)]
    near = [parameters[name[len(TARGET) :]] for name in names]
    copies = [state[name] for name in names]
    torch._foreach_lerp_(copies, near, [along_runs(rate, value) for value in near])


def pulled(network: Network, name: str, x: Tensor) -> tuple[Output, Back]:
    """A network's output and what makes its gradients, under the names the method knows."""
    made, back = part(network, name).pullback(x)
    if not name:
        return made, back
    return made, lambda slopes: _named(name, back(slopes))


def values_of(network: Network, name: str, x: Tensor, action: Tensor) -> tuple[Tensor, Back]:
    """What a network says logged actions are worth, ``(R, E, B)``, and what makes its gradients.

    Args:
        action: ``(R, E, B)`` codes, or ``(R, E, B, A)`` vectors.
    """
    if action.is_floating_point():
        made, back = part(network, name, action.shape[-1]).pullback(joined(x, action))
        return made.logits[..., 0], lambda slopes: _named(name, back(slopes[..., None]))
    made, back = part(network, name).pullback(x)
    place = action[..., None]

    def gradients(slopes: Tensor) -> Parameters:
        spread = torch.zeros_like(made.logits).scatter_(-1, place, slopes[..., None])
        return _named(name, back(spread))

    return made.logits.gather(-1, place)[..., 0], gradients


@torch.no_grad()
def worth(network: Network, name: str, x: Tensor, action: Tensor) -> Tensor:
    """What a network says actions are worth, ``(R, E, B)``; no gradients."""
    if action.is_floating_point():
        return part(network, name, action.shape[-1])(joined(x, action)).logits[..., 0]
    return part(network, name)(x).logits.gather(-1, action[..., None])[..., 0]


def joined(x: Tensor, action: Tensor) -> Tensor:
    """Observations ``(R, E, B, *shape)``, flattened, followed by actions ``(R, E, B, A)``."""
    return torch.cat([x.flatten(3), action], -1)


@torch.no_grad()
def double_target(
    network: Network, state: dict[str, Tensor], after: Transitions, allowed: Tensor | None = None,
    foresight: Tensor | float = 1.0,
) -> Tensor:  # fmt: skip
    """What the logged actions are worth by double Q-learning, ``(R, E, B)``.

        r + γ Q'(s', argmax_a Q(s', a)),

    with the slow copy ``Q'`` judging what the present one chooses (van Hasselt et al. 2016,
    arXiv:1509.06461).

    Args:
        allowed: ``(R, E, B, A)`` actions that may be chosen; all unless given.
        foresight: what the value that follows is multiplied by, one number or one per run.
    """
    present = part(network, "")(after.next_x).logits
    if allowed is not None:
        present = present.masked_fill(~allowed, -torch.inf)
    best = present.max(-1, keepdim=True).indices  # twenty times as fast as argmax on views
    judged = slow(network, state)(after.next_x).logits.gather(-1, best)[..., 0]
    return after.reward + along_runs(foresight, judged) * after.goes_on * judged


def mean_slopes(values: Tensor) -> Tensor:
    """Slopes per example ``(R, ...)`` of a mean over them."""
    return values / values[0].numel()


def _named(name: str, found: Parameters) -> Parameters:
    return {f"{name}/{p}": value for p, value in found.items()} if name else found
