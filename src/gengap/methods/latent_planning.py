"""Planning with latent dynamics: learn what actions lead to, and search for the goal in that.

What is seen is two views alike, that of here and that of the goal, each half of an observation. An
encoder ``h`` makes a short code of a view, and a predictor ``f`` says what an action makes of a
code, over windows of ``K`` steps of the log, without rewards and without goals:

    z_t = h(s_t),    ẑ_1 = z_1,    ẑ_{t+1} = ẑ_t + f(ẑ_t, a_t),
    L = mean |ẑ_t - z_t|² / d  +  α mean_j max(0, 1 - σ_j)  +  β Σ_{j≠k} C_jk² / d.

The last two terms keep codes from becoming all alike, which would be foreseen perfectly (VICReg,
arXiv:2105.04906): every number of a code shall vary, ``σ_j``, and no two together, ``C``.

To act is to search: from the code of here, codes of all actions are foreseen, those of these, and
so on, breadth first. A code nearer than half a step's usual length to one come to before is the
same place; of the others the few nearest to the goal's code go on. The first action of the shortest
way to a code near the goal's is taken. Where the search finds none, the agent does what a clone of
the log prefers (the study's network), the more so the larger ``habit``; with 0 it goes where it
comes nearest.

Helps from few and aimless walks and on new layouts, since what an action does next is the same
everywhere and is put together only when it is needed. Hurts where it is foreseen wrongly: errors
add up along a way. It takes hundreds of evaluations to act once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Memory, Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.optimizers import Optimizer
from gengap.methods.own_networks import drawn_own, said_by
from gengap.methods.registry import GOALS, TRANSITIONS, register
from gengap.models.networks import Network, Output, Parameters

ENCODER, FORWARD = "encoder", "forward"
CODE, WIDTH = 16, 64  # numbers of a code, and hidden units of both networks
# The usual length of a step between codes (R,), known once there was a step of training.
LENGTH = "length"
# A further step of a way costs so much, in units of what counts as near; a way that leads to the
# goal costs less than AFAR whatever it costs.
STEP, AFAR = 0.01, 3.0
# Where codes are put that nothing is to be near to.
FAR = 1e6
# Searches that are made together; bounds memory.
AT_ONCE = 1024


class Found(NamedTuple):
    """What a search came to.

    Attributes:
        cost: ``(R, n, A)`` of the best way that begins with each action: how far from the goal it
            comes in units of what counts as near, at least 1, and a little for each step.
        there: ``(R, n)`` bool, whether a way came to the goal.
    """

    cost: Tensor
    there: Tensor


@register(
    "latent-planning",
    summary="learns what actions lead to in a latent space, and searches there for the goal",
    paper=Paper(
        "Learning from reward-free offline data: a case for planning with latent dynamics models",
        "Sobal, Zhang, Cho, Balestriero, Rudner, LeCun",
        2025,
        "https://arxiv.org/abs/2502.14819",
    ),
    tasks=("classification",),
    needs=(TRANSITIONS, GOALS),
    passes=3,
    own_network=True,
)
@dataclass(frozen=True)
class LatentPlanning(Method):
    """A search in latent space; the runs of a fleet agree in window, depth and beam."""

    learning_rate: float = hyperparameter(3e-3, 1e-3, 1e-2, log=True, help="step size of AdamW")
    history: int = hyperparameter(6, 6, 6, help="steps of a window that are foreseen")
    variance: float = hyperparameter(1.0, 0.3, 3.0, log=True, help="weight of what codes must vary")
    covariance: float = hyperparameter(
        0.1, 0.01, 1.0, log=True, help="weight of what numbers of a code must not share"
    )
    habit: float = hyperparameter(1.0, 0.5, 2.0, help="of the clone, where no way is found")
    depth: int = hyperparameter(8, 8, 8, help="actions of a way at most")
    beam: int = hyperparameter(8, 8, 8, help="codes that a search goes on from")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """Encoder and predictor."""
        view = context.inputs // 2
        return drawn_own(ENCODER, view, CODE, WIDTH, generator) | drawn_own(
            FORWARD, CODE + context.outputs, CODE, WIDTH, generator
        )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """No length of a step is known."""
        some = next(iter(parameters.values())).detach()
        return {LENGTH: some.new_zeros(len(some))}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Of foreseeing codes that vary, and of cloning, ``(R,)``."""
        past = batch.windows(_one(self.history))
        codes = said_by(network, ENCODER, views(past.x, 4)[0]).logits
        weight = past.mask.float()
        foreseen = [codes[..., 0, :]]
        for time in range(codes.shape[3] - 1):
            foreseen.append(_led(network, foreseen[-1], past.action[..., time], batch.context))
        error = (torch.stack(foreseen, 3) - codes).square().sum(-1)
        wrong = _total(error * weight) / _total(weight)
        vary, share = spread(said_by(network, ENCODER, views(batch.x, 3)[0]).logits)
        cloning = batch.risks(network(batch.x).logits).mean(1)
        weights = (along_runs(own, vary) for own in (self.variance, self.covariance))
        for weight_of, term in zip(weights, (vary, share), strict=True):
            wrong = wrong + weight_of * term
        return wrong + cloning

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Take a step, then see how long steps between codes are."""
        super().update(network, optimizer, batch, state)
        with torch.no_grad():
            after = batch.transitions()
            before, later = (views(seen, 3)[0].flatten(1, 2) for seen in (batch.x, after.next_x))
            moved = ((before != later).any(-1) & ~after.end.flatten(1)).float()
            codes = [said_by(network, ENCODER, view).logits for view in (before, later)]
            length = (codes[1] - codes[0]).norm(dim=-1)
            mean = (length * moved).sum(1) / moved.sum(1).clamp(min=1)
            state[LENGTH] = torch.where(moved.any(1), mean, state[LENGTH])

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The networks', and how long a step is."""
        return {**network.parameters, LENGTH: state[LENGTH]}

    def output(self, network: Network, x: Tensor) -> Output:
        """Actions by the cost of the ways that begin with them."""
        leading = x.shape[: x.dim() - len(network.shape)]
        flat = x.flatten(1, len(leading) - 1)
        parts = [self._answer(network, part) for part in flat.split(AT_ONCE, 1)]
        made = [torch.cat(values, 1) for values in zip(*parts, strict=True)]
        return Output(*(values.view(*leading, -1) for values in made))

    def recall(self, network: Network, x: Tensor, memory: Memory) -> Output:
        """The same; with this, agents search only where they come to and not in every state."""
        return self.output(network, x)

    @torch.no_grad()
    def _answer(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        here, goal = (said_by(network, ENCODER, view).logits for view in views(x, 2))
        usual = network(x).logits
        near = network.parameters[LENGTH] / 2
        found = search(
            network, here, goal, near, usual.shape[-1], _one(self.depth), _one(self.beam)
        )
        habit = along_runs(self.habit, usual)
        lost = torch.where(habit > 0, habit * usual, -found.cost)
        said = torch.where(found.there[..., None], -found.cost.clamp(max=AFAR), lost)
        return here, said


@torch.no_grad()
def search(
    network: Network, here: Tensor, goal: Tensor, near: Tensor, actions: int, depth: int, beam: int
) -> Found:
    """Breadth first, from codes ``(R, n, d)`` of here to those of goals.

    Args:
        near: ``(R,)`` how near codes are of one place.
        actions: how many there are.
        depth: of the longest way.
        beam: codes that each search goes on from.
    """
    runs, count, size = here.shape
    close = near.clamp(min=1e-6).view(-1, 1, 1)
    cost = here.new_full((runs, count, actions), torch.inf)
    there = torch.zeros(runs, count, dtype=torch.bool, device=here.device)
    rows = torch.arange(count, device=here.device)  # of searches that go on
    seen = front = here[:, :, None]
    alive = there[..., None].logical_not()
    first = torch.arange(actions, device=here.device).expand(runs, count, 1, actions)
    for time in range(depth):
        ahead = _all_led(network, front, actions).flatten(2, 3)
        first, alive = first.flatten(2), alive.repeat_interleave(actions, 2)
        alive &= torch.cdist(ahead, seen).min(-1).values > close
        same = torch.cdist(ahead, ahead) <= close[..., None]
        alive &= ~(same.tril(-1) & alive[:, :, None]).any(-1)
        away = (ahead - goal[:, rows, None]).norm(dim=-1)
        paid = ((away / close).clamp(min=1) + STEP * time).masked_fill(~alive, torch.inf)
        cost[:, rows] = cost[:, rows].scatter_reduce(2, first, paid, "amin")
        there[:, rows] |= (alive & (away <= close)).any(-1)
        alive &= ~there[:, rows, None]
        on = alive.any(-1).any(0).nonzero()[:, 0]
        if not len(on):
            break
        away = away.masked_fill(~alive, torch.inf)[:, on]
        order = away.sort(dim=-1, stable=True).indices[..., :beam]
        rows, ahead, alive, first = rows[on], ahead[:, on], alive[:, on], first[:, on]
        front = ahead.gather(2, order[..., None].expand(*order.shape, size))
        alive, first = alive.gather(2, order), first.gather(2, order)
        seen = torch.cat([seen[:, on], front.masked_fill(~alive[..., None], FAR)], 2)
        first = first[..., None].expand(*first.shape, actions)
    worst = cost.masked_fill(cost.isinf(), 0).amax(-1, keepdim=True) + 1
    return Found(torch.where(cost.isinf(), worst, cost), there)


def views(x: Tensor, axes: int) -> tuple[Tensor, Tensor]:
    """What is seen of here and of the goal, ``(R, ..., D)`` each, of ``x`` with leading axes."""
    flat = x.flatten(axes)
    half = flat.shape[-1] // 2
    return flat[..., :half], flat[..., half : 2 * half]


def spread(codes: Tensor) -> tuple[Tensor, Tensor]:
    """How far codes ``(R, E, B, d)`` fall short of varying, and how much they share, ``(R,)`` each.

    Within slots: what is the same all over a level tells none of its places from another.
    """
    centred = (codes - codes.mean(2, keepdim=True)).flatten(1, 2)
    free = max(codes.shape[1] * (codes.shape[2] - 1), 1)
    together = centred.transpose(1, 2) @ centred / free
    alone = together.diagonal(dim1=1, dim2=2)
    short = (1 - (alone + 1e-4).sqrt()).clamp(min=0).mean(1)
    return short, (together.square().sum((1, 2)) - alone.square().sum(1)) / codes.shape[-1]


def _led(network: Network, code: Tensor, action: Tensor, context: Context) -> Tensor:
    """What actions ``(R, ...)`` make of codes ``(R, ..., d)``."""
    done = F.one_hot(action, context.outputs).to(code)
    return code + said_by(network, FORWARD, torch.cat([code, done], -1)).logits


def _all_led(network: Network, code: Tensor, actions: int) -> Tensor:
    """What each action makes of codes ``(R, ..., d)``, ``(R, ..., A, d)``."""
    every = torch.eye(actions, device=code.device).expand(*code.shape[:-1], -1, -1)
    wide = code[..., None, :].expand(*code.shape[:-1], actions, -1)
    return wide + said_by(network, FORWARD, torch.cat([wide, every], -1)).logits


def _total(values: Tensor) -> Tensor:
    """Sums of each run, ``(R,)``."""
    return values.flatten(1).sum(1)


def _one(value: Tensor | int) -> int:
    return int(torch.as_tensor(value).flatten()[0])
