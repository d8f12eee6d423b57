"""Nadaraya-Watson head: an input gets the classes of the labelled examples it lies close to.

Instead of a last layer there is a *support*, examples ``(x_i, y_i)`` whose features ``h`` vote:

    f(x; S) = Σ_i w_i 1[y_i],      w = softmax over i in S of  -|h(x) - h(x_i)|² / τ - log n_{y_i},

with ``n_c`` the support's examples of class ``c``, so that all classes vote with equal weight. What
the support holds says what is assumed. With the examples ``S_e`` of a single environment, ``f`` is
an estimate of ``p(y | h(x), e)``; asking that it be right for queries of *all* environments,

    min_h  mean over queries (x, y) and environments e of  -log f(x; S_e)_y
           +  λ · mean over queries and pairs (e, e') of  |f(x; S_e) - f(x; S_e')|²,

asks for features given which the environment says nothing more of the class. ``λ = 0`` is the
paper's implicit variant. A query never votes for itself, and environments without its class among
the batch's examples have no say on it.

The support of predictions are the latest examples of every class in every environment, sixteen of
each at most; environments are averaged. Their features are made when predictions are wanted.

Helps where features of an environment's own would tempt a last layer. Hurts where a class is
absent from an environment, and with fewer examples of a class per batch and environment than two,
as then there is no one to vote. The temperature matters: small, the nearest example decides alone;
large, all examples of a class count alike and ``f`` can be sure of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import ONE_TARGET, register
from gengap.models.networks import Network, Output, Parameters

MOST_OF_A_KIND, MOST = 16, 2048  # examples in the support of predictions
NUMBERS_AT_ONCE = 1 << 18  # pairs of the runs that are done together
NO_SAY = -1e9  # logarithm of the weight of what does not vote
FAINT = 1e-25  # votes less than this, of 1 for the nearest, are too few to be compared


@register(
    "nadaraya-watson",
    summary="predicts by the classes of near examples, of any one environment alike",
    paper=Paper(
        "Learning invariant representations with a nonparametric Nadaraya-Watson head",
        "Wang, Nguyen, Sabuncu",
        2023,
        "https://arxiv.org/abs/2309.13377",
    ),
    tasks=("classification",),
    needs=("environment labels", "hidden features", ONE_TARGET),
)
@dataclass(frozen=True)
class NadarayaWatson(Method):
    """Votes of near examples; with ``agreement`` 0 environments need only be right."""

    joins: ClassVar[tuple[str, ...]] = ("models",)  # the support grows
    temperature: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="divides squared distances; smaller hears the nearest only"
    )
    agreement: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of the differences between supports"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """The support's inputs ``(R, K C S + 1, inputs)``, and how many came, ``(R, K C)``.

        The last place of the support takes what is not kept.
        """
        some = next(iter(parameters.values())).detach()
        kinds = context.environments * context.outputs
        each = min(MOST_OF_A_KIND, max(1, MOST // kinds))
        return {
            "support": some.new_zeros(len(some), kinds * each + 1, context.inputs),
            "came": torch.zeros(len(some), kinds, dtype=torch.int64, device=some.device),
        }

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean loss under the supports of all environments, and their weighted disagreement."""
        remember(state, batch)
        z = network(batch.x).features
        slots, size = z.shape[1:3]
        itself = torch.eye(slots * size, dtype=torch.bool, device=z.device)
        itself = itself.view(slots * size, slots, size).transpose(0, 1)
        same = batch.y.flatten(1)[:, None, :, None] == batch.y[:, :, None]  # (R, E, N, B)
        count = (batch.y[..., None] == batch.y[:, :, None]).sum(-1)[:, :, None]
        count = count - (same & itself.any(-1, keepdim=True)).long()
        votes = weights_of(z.flatten(1, 2), z, count.clamp(min=1), self.temperature, itself)
        heard = same & ~itself
        own = torch.logsumexp(votes.masked_fill(~heard, NO_SAY), -1)
        losses = torch.where(heard.any(-1), -own, 0.0)
        asked = heard.any(-1).sum((1, 2)).clamp(min=1)
        said = votes.exp() @ F.one_hot(batch.y, batch.context.outputs).to(votes)  # (R, E, N, C)
        apart = (said - said.mean(1, keepdim=True)).square().sum((1, 3)).mean(1)
        return losses.sum((1, 2)) / asked + self.agreement * apart * (2 / max(slots - 1, 1))

    def gradients(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Parameters:
        """Of the loss."""
        remember(state, batch)
        (features, logits), pullback = network.pullback(batch.x)
        slopes = vote_slopes(features, batch, self.temperature, self.agreement)
        return pullback(torch.zeros_like(logits), slopes)

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The network and its support: features ``(R, K, C, S, d)``, and which are there."""
        came, inputs = state["came"], state["support"][:, :-1]
        kinds = came.shape[1]
        each = inputs.shape[1] // kinds
        shown = Network(network.architecture, network.parameters, network.shape)
        with torch.no_grad():
            z = shown(inputs.reshape(*inputs.shape[:2], *network.shape)).features
        there = torch.arange(each, device=came.device) < came[..., None]
        return {
            **network.parameters,
            "support.features": z,
            "support.there": there.to(z),
            "support.temperature": torch.as_tensor(self.temperature).to(z).expand(len(z)),
        }

    def output(self, network: Network, x: Tensor) -> Output:
        """Features, and logarithms of the environments' mean votes."""
        own = network.parameters
        features, logits = network(x)
        classes = logits.shape[-1]
        there = own["support.there"].unflatten(1, (-1, classes))  # (R, K, C, S)
        z = own["support.features"].view(*there.shape, -1)
        away = distances(features.flatten(1, -2), z.flatten(2, 3)).unflatten(-1, there.shape[2:])
        votes = -away / own["support.temperature"].view(-1, 1, 1, 1, 1)
        votes = votes.masked_fill(there[:, :, None] == 0, NO_SAY)  # (R, K, n, C, S)
        count = there.sum(-1)
        told = torch.logsumexp(votes, -1) - count.clamp(min=1).log()[:, :, None]
        told = torch.log_softmax(told, -1)
        known = (count.sum(-1) > 0)[:, :, None, None]
        told = torch.logsumexp(told.masked_fill(~known, NO_SAY), 1)
        return Output(features, torch.log_softmax(told, -1).view(*features.shape[:-1], classes))


def distances(queries: Tensor, support: Tensor) -> Tensor:
    """Squared distances ``(R, E, N, B)`` of ``(R, N, d)`` to supports ``(R, E, B, d)``."""
    points = support.flatten(1, 2)
    products = torch.bmm(queries, points.transpose(1, 2))
    lengths = queries.square().sum(-1)[..., None] + points.square().sum(-1)[:, None]
    away = (lengths - 2 * products).clamp(min=0)
    return away.unflatten(-1, support.shape[1:3]).transpose(1, 2)


def weights_of(
    queries: Tensor,
    support: Tensor,
    count: Tensor,
    temperature: float | Tensor,
    itself: Tensor,
) -> Tensor:
    """Logarithms ``(R, E, N, B)`` of each support's weights for each query.

    Args:
        queries: features ``(R, N, d)``; ``support`` those of the supports, ``(R, E, B, d)``.
        count: ``(R, E, N, B)``, for each query how many support examples have each one's class.
        itself: ``(E, N, B)`` bool, where a support's example is the query.
    """
    away = distances(queries, support)
    votes = -away / along_runs(temperature, away) - count.log()
    return torch.log_softmax(votes.masked_fill(itself, NO_SAY), -1)


@torch.no_grad()
def vote_slopes(
    features: Tensor, batch: Batch, temperature: float | Tensor, agreement: float | Tensor
) -> Tensor:
    """Slopes of the loss for ``features (R, E, B, d)``.

    A few runs are done at a time, so that their pairs stay in the processor's cache.
    """
    runs, slots, size = batch.y.shape
    at_once = max(1, NUMBERS_AT_ONCE // (slots * size) ** 2)
    every = F.one_hot(batch.y, batch.context.outputs).to(features)
    settings = (torch.as_tensor(v).to(features).expand(runs) for v in (temperature, agreement))
    parts = (t.split(at_once) for t in (features, batch.y, every, *settings))
    return torch.cat([_vote_slopes(*part) for part in zip(*parts, strict=True)])


def _vote_slopes(
    features: Tensor, y: Tensor, every: Tensor, temperature: Tensor, agreement: Tensor
) -> Tensor:
    """The same of runs together; ``every (R, E, B, C)`` are the classes' indicators.

    With ``p`` a query's weights of a support and ``q`` the same among its class alone, the slope of
    its loss for their logarithms is ``p - q``, and that of the disagreement ``p (u - Σ p u)``, with
    ``u`` what the support's class is said more than on average over environments. All are one
    exponential ``w`` of a pair, times what depends on the query, the environment and the class.
    """
    slots, size = y.shape[1:]
    z, own = features.flatten(1, 2), 1 / temperature[:, None, None]
    z = z - z.mean(1, keepdim=True)  # or the products are large beside their differences
    count = every.sum(2).gather(2, y)
    # A query's own length and what all its votes have in common falls out of its weights.
    shared = (-own[:, 0] * z.square().sum(-1) - count.flatten(1).log())[..., None]
    # Queries innermost, (R, E, B, N), so that sums over supports go over many at a time.
    w = torch.baddbmm(shared, 2 * own * z, z.transpose(1, 2))
    w.diagonal(dim1=1, dim2=2).fill_(NO_SAY)  # nobody hears itself
    w = w.unflatten(1, (slots, size))
    w.sub_(w.amax(2, keepdim=True)).exp_()
    classes = every.transpose(2, 3).contiguous()
    votes = torch.matmul(classes, w)  # (R, E, C, N)
    # A query does not count itself at home.
    mine = classes.transpose(1, 2).flatten(2)[:, None]  # (R, 1, C, N)
    home = torch.eye(slots, device=w.device, dtype=w.dtype).repeat_interleave(size, 1)[:, None]
    others = every.sum(2)[..., None] - home  # (R, E, C, N), of the query's class
    fewer = 1 + mine * home / others.clamp(min=1)
    votes *= fewer
    total, heard = votes.sum(2, keepdim=True), (votes * mine).sum(2, keepdim=True)
    active = (others * mine).sum(2, keepdim=True) > 0
    asked = active.sum((1, 2, 3), keepdim=True).clamp(min=1).to(w)
    said = votes / total
    apart = said - said.mean(1, keepdim=True)
    rate = agreement[:, None, None, None] * (4 / (max(slots - 1, 1) * slots * size))
    level = active / asked - rate * (said * apart).sum(2, keepdim=True)
    near = active & (heard > FAINT)
    factor = (rate * apart + level) / total - mine * (near / (asked * heard.clamp(min=FAINT)))
    factor = factor.mul_(fewer).flatten(1, 2)  # (R, E C, N)
    kind = torch.arange(slots, device=y.device)[:, None] * every.shape[3] + y
    kind = kind.flatten(1) + factor.shape[1] * torch.arange(len(y), device=y.device)[:, None]
    slopes = factor.flatten(0, 1).index_select(0, kind.flatten()).view(w.shape).mul_(w)
    far = (active & ~near).nonzero()
    if len(far):
        _hear_far(slopes, far, z, y, own, asked)
    pull = slopes.flatten(1, 2)
    pull = pull + pull.transpose(1, 2)
    found = pull.sum(2, keepdim=True) * z
    return found.baddbmm_(pull, z, alpha=-1).mul_(-2 * own).view_as(features)


def _hear_far(
    slopes: Tensor, far: Tensor, z: Tensor, y: Tensor, own: Tensor, asked: Tensor
) -> None:
    """Take ``q`` off where the own class is so far behind that its ``w`` are lost to rounding.

    Args:
        slopes: ``(R, E, B, N)``, changed in place.
        far: ``(m, 4)`` where, the third number of each being 0.
    """
    run, slot, _, query = far.unbind(1)
    support = z.unflatten(1, y.shape[1:])[run, slot]  # (m, B, d)
    votes = -(support - z[run, query][:, None]).square().sum(2) * own[run, 0]
    size = y.shape[2]
    itself = torch.arange(size, device=y.device) + size * slot[:, None] == query[:, None]
    same = (y[run, slot] == y.flatten(1)[run, query][:, None]) & ~itself
    q = torch.softmax(votes.masked_fill(~same, NO_SAY), 1)
    slopes[run, slot, :, query] -= q / asked[run, 0, 0]


@torch.no_grad()
def remember(state: dict[str, Tensor], batch: Batch) -> None:
    """Enter the batch into the support, in the place of what has been there longest."""
    came, support = state["came"], state["support"]
    each = support.shape[1] // came.shape[1]
    kind = (batch.environment[..., None] * batch.context.outputs + batch.y).flatten(1)
    ordered, order = kind.sort(dim=1, stable=True)
    first = torch.searchsorted(ordered, ordered)
    rank = torch.arange(kind.shape[1], device=kind.device) - first
    number = torch.searchsorted(ordered, ordered, right=True) - first
    place = ordered * each + (came.gather(1, ordered) + rank) % each
    place = torch.where(rank >= number - each, place, support.shape[1] - 1)
    inputs = batch.x.flatten(1, 2).flatten(2)
    runs = torch.arange(len(inputs), device=kind.device)[:, None]
    taken = inputs.flatten(0, 1).index_select(0, (order + runs * inputs.shape[1]).flatten())
    # Rows of all runs in one list, so that whole rows are copied.
    rows = support.view(-1, support.shape[2])
    rows.index_copy_(0, (place + runs * support.shape[1]).flatten(), taken)
    state["came"] = came.scatter_add(1, kind, torch.ones_like(kind))
