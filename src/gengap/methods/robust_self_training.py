"""Self-training on unlabelled inputs from elsewhere, made robust.

Labelled examples are few, inputs without labels are many and come from somewhere else. Both take
part in one objective, in which every example is first moved to where it hurts, as far as it costs,

    φ(x, y) = sup_z  ℓ(f(z), y) - γ |z - x|²,

the dual of a ball around the distribution (Wasserstein), and an input without a label has the label
that is cheapest for it,

    min_θ  1/E Σ_e mean of φ(x, y)  +  λ · mean over u of  min_y φ(u, y).

The cheapest label is the one that the network gives, and the second term wants the boundary to
keep away from all inputs, so it runs where there are none (the *cluster assumption*). That the
inputs come from elsewhere is met by the moving. To first order the supremum is at
``z = x + ∇_x ℓ / 2γ``. The paper's softened minimum is taken as the minimum.

Inputs are those of the unseen environment's training part, without labels: a method that knows
where it is going. Helps where the classes lie in clusters there and here, most with few labelled
examples. Hurts where boundaries run through crowds, and teaches mistakes like all self-training.
``γ`` decides how far inputs move, in standardised units: half the slope of the loss over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, along_runs
from gengap.methods.losses import cross_entropy
from gengap.methods.registry import NUMERIC_INPUTS, ONE_TARGET, UNLABELLED_UNSEEN, register
from gengap.models.networks import Network


@register(
    "robust-self-training-unseen",
    summary="keeps its boundary away from moved inputs, the unseen environment's too",
    paper=Paper(
        "Out-of-domain unlabeled data improves generalization",
        "Saberi, Najafi, Heidari, Movasaghinia, Motahari, Khalaj",
        2024,
        "https://arxiv.org/abs/2310.00027",
    ),
    tasks=("classification",),
    needs=(NUMERIC_INPUTS, ONE_TARGET, UNLABELLED_UNSEEN),
    passes=4.0,
)
@dataclass(frozen=True)
class RobustSelfTrainingUnseen(Method):
    """Robust risk here and own labels there; with ``weight`` 0 robust training alone."""

    weight: float = hyperparameter(
        0.3, 0.03, 3.0, log=True, help="weight of the unseen environment's inputs"
    )
    price: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="of moving an input, for its squared distance"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean robust loss of labelled examples, and of the others under their own labels."""
        assert batch.unlabelled is not None
        known = batch.x.flatten(1, 2)
        with torch.enable_grad():
            x = torch.cat([known, batch.unlabelled], 1).detach().requires_grad_()
            logits = network(x).logits
            y = torch.cat([batch.y.flatten(1), logits[:, known.shape[1] :].argmax(-1)], 1)
            (uphill,) = torch.autograd.grad(cross_entropy(logits, y).sum(), x)
        moved = uphill / (2 * along_runs(self.price, uphill))
        cost = along_runs(self.price, y) * moved.flatten(2).square().sum(-1)
        losses = cross_entropy(network.still()(x.detach() + moved).logits, y) - cost
        here, there = losses.split([known.shape[1], batch.unlabelled.shape[1]], 1)
        return here.mean(1) + self.weight * there.mean(1)
