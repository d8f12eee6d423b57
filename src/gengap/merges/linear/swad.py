"""SWAD: the mean of a run's checkpoints while the validation loss is low.

With ``E_i`` the validation loss of checkpoint ``i``, the mean begins at the first ``s`` whose loss
is not undercut by the next ``n_s - 1``, and allows from there a loss of

    l = r / n_s  Σ_{s <= i < s + n_s} E_i;

it ends before the first ``n_e`` checkpoints in a row that all lie above ``l``. Before ``s`` the
model has not learned, after the end it fits its training data too closely; between lies the flat
valley whose middle the mean is, and flat minima move less under shift. Dense means that every few
steps have a checkpoint: with few of them windows of one or two are right. Where the loss falls to
the very end nothing has begun, and the last checkpoint stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.merges.base import Choice
from gengap.merges.linear.combination import Combination
from gengap.merges.registry import SCORES, TRAJECTORY, register_merge


@register_merge(
    "swad",
    summary="mean of the checkpoints while the validation loss is low",
    paper=Paper(
        "SWAD: domain generalization by seeking flat minima",
        "Cha, Chun, Lee, Cho, Park, Lee, Park",
        2021,
        "https://arxiv.org/abs/2102.08604",
    ),
    of=TRAJECTORY,
    needs=(SCORES,),
)
@dataclass(frozen=True)
class SWAD(Combination):
    """Mean of a stretch found by the validation loss.

    Scores are losses times -1, or shares of right answers; of these the share of wrong ones is the
    loss.
    """

    patience: int = hyperparameter(3, 2, 6, help="checkpoints that do not undercut the first")
    endurance: int = hyperparameter(6, 2, 12, help="checkpoints above tolerance that end it")
    tolerance: float = hyperparameter(1.3, 1.1, 1.5, help="multiple of the loss that is allowed")
    piecewise: ClassVar[bool] = True
    preferable: ClassVar[bool] = False

    def weights(self, choice: Choice) -> Sequence[float]:
        """Alike within the stretch, 0 elsewhere.

        Raises:
            UsageError: a score is above 1, and so neither.
        """
        number = choice.number
        scores = [choice.scored([float(i == k) for i in range(number)]) for k in range(number)]
        losses = [(1 if max(scores) > 0 else 0) - score for score in scores]
        if min(losses) < 0:
            raise UsageError(
                f"SWAD reads losses, and a score is {max(scores):g}; let score return the "
                "validation loss times -1, or a share of right answers."
            )
        first, end = valley(losses, self.patience, self.endurance, self.tolerance)
        return [float(first <= k < end) / (end - first) for k in range(number)]


def valley(
    losses: Sequence[float], patience: float, endurance: float, tolerance: float
) -> tuple[int, int]:
    """Where the mean begins, and one past where it ends."""
    within, beyond = max(round(patience), 1), max(round(endurance), 1)
    last = len(losses) - within
    begun = (i for i in range(last + 1) if losses[i] == min(losses[i : i + within]))
    first = next(begun, None)
    if first is None:
        return len(losses) - 1, len(losses)
    allowed = tolerance * sum(losses[first : first + within]) / within
    for end in range(first + within, len(losses) - beyond + 1):
        if min(losses[end : end + beyond]) > allowed:
            return first, end
    return first, len(losses)
