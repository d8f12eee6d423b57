"""SCONE: reject strangers in wild data, and do better on inliers that shifted.

Examples met in use ("wild") are inliers, inliers whose look has shifted, and strangers, mixed and
unlabelled. SCONE raises the energies ``E = -log Σ_c exp z_c`` of all of them as far as labelled
inliers permit, which have to stay a margin ``η`` below zero,

    min_θ  mean_wild σ(-E(x̃))   s.t.   mean_train σ(E(x) + η) <= α,   mean_train -log p_y(x) <= τ,

where ``σ`` smooths the step. Shifted inliers look like inliers and are held down with them: with a
wide margin they end between the inliers and 0, classified by features that serve both, while
strangers end above 0. With ``η = 0`` this is WOODS (Katz-Samuels, Nakhleh, Nowak, Li, ICML 2022).
``τ`` is a multiple of the risk after the share of plain training with which this begins.

Constraints ``c <= 0`` enter by their augmented Lagrangian, with multiplier ``λ`` and penalty ``β``:

    ψ(c) = (max(0, λ + β c)² - λ²) / 2β,      λ <- max(0, λ + β c)    every few steps,

and ``β`` grows as long as the constraint is violated. Strangeness is the energy.

Helps when the wild holds strangers of the kind to come. Hurts when it holds none: inliers are then
pushed up as far as ``α`` allows, for nothing. That shifted inliers gain accuracy is the paper's
finding; no label enforces it. On digits (three seeds; a third each of inliers, noisy inliers and
classes never seen; inliers' energies about -9.5 before) it costs detection and gains little:

    margin                     before     0     3     5     8    12
    AUROC of the energy          0.87  0.99  0.97  0.95  0.89  0.80
    accuracy on noisy inliers    0.91  0.88  0.91  0.89  0.91  0.92
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Staged
from gengap.methods.base import mean_risk
from gengap.methods.batch import Batch, Context
from gengap.methods.outliers import both, energy
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network, Parameters

GROWTH = 1.5  # of the penalty of a violated constraint
EVERY = 25  # steps between updates of the multipliers


@register(
    "scone",
    summary="rejects a wild mixture as far as inliers keep a margin and their accuracy",
    paper=Paper(
        "Feed two birds with one SCONE: exploiting wild data for both out-of-distribution "
        "generalization and detection",
        "Bai, Canal, Du, Kwon, Nowak, Li",
        2023,
        "https://arxiv.org/abs/2306.09158",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, ALL_ROWS, OUTLIERS),
    passes=2.0,
    looks=1,
)
@dataclass(frozen=True)
class SCONE(Staged):
    """Constrained rejection of wild data, whose inputs stand where outliers do."""

    margin: float = hyperparameter(5.0, 1.0, 12.0, help="how far below 0 inliers' energy stays")
    false_alarms: float = hyperparameter(
        0.05, 0.01, 0.2, log=True, limit=1, help="share of inliers that may violate the margin"
    )
    tolerance: float = hyperparameter(
        2.0, 1.1, 4.0, log=True, help="largest risk, as a multiple of the one before"
    )
    start: float = hyperparameter(
        0.5, 0.25, 0.9, limit=1, help="share of the training before the wild data"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """For both constraints ``(R, 2)``: multiplier, penalty, and the sum since its update.

        ``ceiling (R,)`` of the risk is infinite until the wild data join.
        """
        some = next(iter(parameters.values())).detach()
        runs = len(some)
        return {
            "multiplier": some.new_zeros(runs, 2),
            "penalty": some.new_ones(runs, 2),
            "sum": some.new_zeros(runs, 2),
            "steps": some.new_zeros(runs, 1),
            "ceiling": some.new_full((runs,), torch.inf),
        }

    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """How large the risk may become."""
        return {"ceiling": torch.as_tensor(self.tolerance) * mean_risk(network, batch)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """The share of wild inputs accepted, and what violating the constraints costs.

        Plain risk before the wild data join.
        """
        known, wild = both(network, batch)
        risk = batch.risks(known).mean(1)
        on = state["ceiling"].isfinite()
        margin = torch.as_tensor(self.margin, device=risk.device).view(-1, 1)
        over = torch.sigmoid(energy(known).flatten(1) + margin).mean(1) - self.false_alarms
        worse = risk - torch.where(on, state["ceiling"], 0.0)
        constraints = torch.stack([over, worse], 1)
        note(state, constraints.detach(), on)
        accepted = torch.sigmoid(-energy(wild)).mean(1)
        cost = penalised(constraints, state["multiplier"], state["penalty"]).sum(1)
        return torch.where(on, accepted + cost, risk)


def penalised(constraint: Tensor, multiplier: Tensor, penalty: Tensor) -> Tensor:
    """The augmented term ``ψ(c)`` of every constraint."""
    pull = F.relu(multiplier + penalty * constraint)
    return (pull.square() - multiplier.square()) / (2 * penalty)


def updated(constraint: Tensor, multiplier: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Multiplier moved by the constraint's value, and its penalty, raised where violated."""
    moved = F.relu(multiplier + penalty * constraint)
    return moved, torch.where(constraint > 0, GROWTH * penalty, penalty)


def note(state: dict[str, Tensor], constraints: Tensor, on: Tensor) -> None:
    """Enter a step's constraints ``(R, 2)``; every few steps their mean moves the multipliers."""
    active = on[:, None].to(constraints)
    total, steps = state["sum"] + active * constraints, state["steps"] + active
    due = steps >= EVERY
    moved, raised = updated(total / EVERY, state["multiplier"], state["penalty"])
    state["multiplier"] = torch.where(due, moved, state["multiplier"])
    state["penalty"] = torch.where(due, raised, state["penalty"])
    state["sum"] = torch.where(due, 0.0, total)
    state["steps"] = torch.where(due, 0.0, steps)
