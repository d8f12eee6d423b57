"""SCONE: reject strangers in wild data, and do better on inliers that shifted.

Examples met in use ("wild") are inliers, inliers whose look has shifted, and strangers, mixed and
unlabelled. SCONE raises the energies ``E = -log Σ_c exp z_c`` of all of them as far as labelled
inliers permit, which have to stay a margin ``η`` below zero,

    min_θ  mean_wild σ(-E(x̃))   s.t.   mean_train σ(E(x) + η) <= α,   mean_train -log p_y(x) <= τ,

where ``σ`` smooths the step. Shifted inliers look like inliers and are held down with them: with a
wide margin they end between the inliers and 0, classified by features that serve both, while
strangers end above 0. With ``η = 0`` this is WOODS (Katz-Samuels, Nakhleh, Nowak, Li, ICML 2022).
``τ`` is a multiple of the cross-entropy at the start.

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

Bai, Canal, Du, Kwon, Nowak, Li: Feed two birds with one SCONE: exploiting wild data for both
out-of-distribution generalization and detection. ICML 2023, arXiv:2306.09158.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Draw, Schedule, both, checked, trained
from gengap.detectors.exposed.energy_margin import energy
from gengap.models.outputs import logits_of
from gengap.models.reading import outputs_of

GROWTH = 1.5  # of the penalty of a violated constraint
EVERY = 25  # steps between updates of the multipliers


def scone(
    model: nn.Module,
    inliers: Tensor,
    labels: Tensor,
    wild: Tensor,
    *,
    margin: float = 5.0,
    false_alarms: float = 0.05,
    tolerance: float = 2.0,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
    seed: int = 0,
) -> nn.Module:
    """Fine-tune a copy of a trained network on labelled inliers and a wild mixture.

    Args:
        model: network that returns logits ``(n, C)``, trained before.
        inliers: ``(n, ...)`` inputs.
        labels: ``(n,)`` class numbers from 0.
        wild: ``(m, ...)`` unlabelled inputs.
        margin: ``η``, how far below 0 the energy of inliers is to stay; best well above the
            energies that inliers have already.
        false_alarms: ``α``, the (smoothed) share of inliers that may violate the margin.
        tolerance: ``τ`` as a multiple of the given network's cross-entropy on the inliers.

    Raises:
        UsageError: a parameter is out of range, or as
            :func:`gengap.detectors.exposed.descent.checked`.
    """
    if not (margin >= 0 and 0 < false_alarms < 1 and tolerance > 0):
        raise UsageError(
            "SCONE needs a margin of at least 0, false_alarms between 0 and 1 and a positive "
            f"tolerance, not {margin}, {false_alarms} and {tolerance}."
        )
    examples = checked(model, inliers, labels, wild)
    known = logits_of(outputs_of(model, examples.inliers))
    ceiling = tolerance * float(F.cross_entropy(known, examples.labels))
    false_alarm, mistakes, steps = Multiplier(), Multiplier(), [0]

    def constraints(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        excess = torch.sigmoid(energy(logits) + margin).mean() - false_alarms
        return excess, F.cross_entropy(logits, labels) - ceiling

    def loss(network: nn.Module, draw: Draw) -> Tensor:
        if steps[0] and steps[0] % EVERY == 0:
            everywhere = logits_of(outputs_of(network, examples.inliers))
            excess, worse = constraints(everywhere, examples.labels)
            false_alarm.update(float(excess))
            mistakes.update(float(worse))
        steps[0] += 1
        known, strange = both(network, draw)
        excess, worse = constraints(known, draw.labels)
        rejected = torch.sigmoid(-energy(strange)).mean()
        return rejected + false_alarm.penalised(excess) + mistakes.penalised(worse)

    return trained(model, examples, loss, schedule, seed=seed, purpose="scone")


@dataclass
class Multiplier:
    """What violating one constraint ``c <= 0`` costs; it changes during training.

    Attributes:
        value: Lagrange multiplier ``λ``.
        penalty: weight ``β`` of the square.
    """

    value: float = 0.0
    penalty: float = 1.0

    def penalised(self, constraint: Tensor) -> Tensor:
        """The augmented term ``ψ(c)``."""
        pull = F.relu(self.value + self.penalty * constraint)
        return (pull.square() - self.value**2) / (2 * self.penalty)

    def update(self, constraint: float) -> None:
        """Move the multiplier by the constraint's value, and raise the penalty if violated."""
        self.value = max(0.0, self.value + self.penalty * constraint)
        if constraint > 0:
            self.penalty *= GROWTH
