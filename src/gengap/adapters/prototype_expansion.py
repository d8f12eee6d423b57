"""Prototype expansion for open-world test-time training: strangers get prototypes of their own.

Features are scaled to length 1. Each class has a prototype ``p_k``, the mean direction of its
training examples. An example's strangeness is ``1 - max_k cos(z, p_k)``, and the stream tells where
strangers begin: the threshold splits the latest strangeness scores into two groups with the least
variance within (Otsu's rule). Beyond it examples are *pruned* from the classes. Where one is a
stranger to all strangers so far too, it becomes a prototype itself; the latest ``expansion`` stay.
With ``P`` all prototypes, the loss of a batch is

    mean over examples of  -log softmax_P(cos(z, p) / temperature) at its own prototype
    + alignment mean_d KL of the normal of familiar features from that of training,

the own prototype of familiar examples the nearest class's, of strangers the nearest stranger's
(Li et al. 2023). All parameters follow, and the batch is answered by the cosines with the classes'
prototypes, in the pass that the gradient came from. Strangeness comes with every answer.

The source has a threshold of its own for new prototypes, learns from the half of a batch that is
farthest from the threshold, and aligns whole covariances that it averages over the stream; here one
threshold serves, all learn, and variances of a batch are blended with training's.

Helps where strangers mix with the stream: they attract their own prototypes instead of corrupting
the classes. Hurts where there are none, as the threshold finds two groups whatever comes, and
corrupted but familiar examples are pushed away.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.adapters.base import Adapter
from gengap.adapters.registry import HIDDEN, SOURCE, register_adapter
from gengap.adapters.tools.banks import latest
from gengap.adapters.tools.softmax import class_rows
from gengap.adapters.tools.steps import all_parameters, check_hidden
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

WINDOW, PRIOR = 512, 64.0  # scores that tell the threshold; examples that training is worth


@register_adapter(
    "prototype-expansion",
    summary="prunes strangers by a threshold of the stream and gives them prototypes of their own",
    paper=Paper(
        "On the robustness of open-world test-time training: Self-training with dynamic prototype "
        "expansion",
        "Li, Xu, Su, Jia",
        2023,
        "https://arxiv.org/abs/2308.09942",
    ),
    needs=(SOURCE, HIDDEN),
    backwards=1.0,
)
class PrototypeExpansion(Adapter):
    """Self-training with prototypes of classes and of strangers."""

    learns = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How fast, how sharply, and how many strangers."""

        learning_rate: float = hyperparameter(1e-4, 1e-6, 1e-2, log=True, help="step of Adam")
        temperature: float = hyperparameter(0.1, 0.02, 1.0, log=True, help="of the cosines")
        alignment: float = hyperparameter(
            0.1, 0.0, 10.0, help="weight of the distance from the features of training"
        )
        expansion: int = hyperparameter(100, 10, 1000, log=True, help="strangers that are kept")

    def prepare(self) -> None:
        """Prototypes of the classes, and the mean and variance of features in training."""
        self.adapting = all_parameters(self.model)
        source = self.training_examples()
        check_hidden(self.forward(source.x[:2]).features, "PrototypeExpansion")
        features, logits = self.source_outputs()
        rows = F.normalize(features.flatten(0, -2), dim=1)
        member = F.one_hot(source.y.flatten().to(rows.device), class_rows(logits).shape[1])
        self.prototypes = F.normalize(member.to(rows.dtype).T @ rows, dim=1)
        self.variance, self.mean = torch.var_mean(rows, 0, correction=0)

    def begin(self) -> None:
        """A new optimiser; no strangers, no scores."""
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)
        self.strangers = self.prototypes[:0]
        self.scores = self.prototypes.new_zeros(0)

    def answer(self, x: Tensor) -> Tensor:
        """Cosines with the classes' prototypes over the temperature ``(n, ..., C)``."""
        features, logits = self.forward(x)
        rows = F.normalize(features.flatten(0, -2), dim=1)
        cosines = rows @ self.prototypes.T
        found = 1 - cosines.detach().amax(1)
        self.strangeness = found.view(len(x), -1).mean(1)
        self.scores = latest(self.scores, found, WINDOW)
        edge = split(self.scores)
        self._expand(rows.detach()[found > edge], edge)
        self.optimizer.zero_grad()
        self.backward(self._loss(rows, found > edge), len(x))
        self.optimizer.step()
        return (cosines / self.settings.temperature).view(logits.shape)

    def _expand(self, rows: Tensor, edge: float) -> None:
        """Strangers to all prototypes become one, one after the other."""
        for row in rows:
            known = torch.cat([self.prototypes, self.strangers])
            if float(1 - (known @ row).max()) > edge:
                self.strangers = latest(self.strangers, row[None], int(self.settings.expansion))

    def _loss(self, rows: Tensor, strange: Tensor) -> Tensor:
        """Cross-entropy with the own prototypes, and the distance from training."""
        classes = len(self.prototypes)
        told = rows @ torch.cat([self.prototypes, self.strangers]).T / self.settings.temperature
        own = told.detach()[:, :classes].argmax(1)
        if len(self.strangers):
            own = torch.where(strange, classes + told.detach()[:, classes:].argmax(1), own)
            used = told
        else:
            used = told[~strange] if bool((~strange).any()) else told
            own = own[~strange] if bool((~strange).any()) else own
        familiar = rows[~strange]
        loss = F.cross_entropy(used, own)
        if len(familiar):
            loss = loss + self.settings.alignment * self._apart(familiar)
        return loss

    def _apart(self, rows: Tensor) -> Tensor:
        """KL of the normal of familiar features, blended with training's, from training's."""
        share = len(rows) / (len(rows) + PRIOR)
        variance, mean = torch.var_mean(rows.to(self.mean.dtype), 0, correction=0)
        mean = torch.lerp(self.mean, mean, share)
        variance = torch.lerp(self.variance, variance, share) + 1e-6
        known = self.variance + 1e-6
        shift = (mean - self.mean).square() / known
        return (variance / known + shift - 1 - (variance / known).log()).mean() / 2


def split(scores: Tensor) -> float:
    """The threshold that splits scores ``(n,)`` with the least variance within the two groups."""
    ordered = scores.double().sort().values
    n = len(ordered)
    if n < 2 or float(ordered[-1] - ordered[0]) == 0:
        return float(ordered[-1])
    low = torch.arange(1, n, dtype=ordered.dtype, device=ordered.device)
    left = ordered.cumsum(0)[:-1]
    # Least within is most between: n_1 n_2 (m_1 - m_2)², up to a constant.
    between = low * (n - low) * (left / low - (ordered.sum() - left) / (n - low)).square()
    at = int(between.argmax())
    return float((ordered[at] + ordered[at + 1]) / 2)
