"""Two sets: a few rows come again and again, the others as they always do.

Of the rows of each environment a share ``few`` is drawn once. Every example of a batch is then one
of these with a chance of ``chance``, and else one of the others; each set is walked through in
shuffled laps,

    x ~ p · U(S) + (1 - p) · U(others),        |S| = few · n,

so that over ``T`` draws a row of the few comes ``p T / |S|`` times, and one of the others
``(1 - p) T / (n - |S|)`` times, which may be hardly once. The loss is plain training's under a
schedule. Which row is in which set has nothing to do with what it shows, and both are mixed in
every batch.

With a chance of 1 the few are all there is: training on a small set that is repeated. With ``few``
as the chance it is plain training.

Helps where a rule is found late, after what repeats has been fitted, as in arithmetic modulo a
number: something to fit is there soon, and the others tell the rule from it. Hurts where every row
shows something of its own, as each row of the others is seen less often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.orders import Order, laps
from gengap.methods.registry import register
from gengap.methods.scheduled import ScheduledTraining


@register(
    "two-sets",
    summary="shows a few rows again and again beside all others",
    paper=Paper(
        "Emergent properties with repeated examples",
        "Charton, Kempe",
        2024,
        "https://arxiv.org/abs/2410.07041",
    ),
)
@dataclass(frozen=True)
class TwoSets(ScheduledTraining):
    """Plain training on batches mixed of two sets."""

    few: float = hyperparameter(
        0.05, 0.01, 0.5, log=True, limit=1, help="share of the rows that are repeated"
    )
    chance: float = hyperparameter(
        0.25, 0.1, 0.5, limit=1, help="share of each batch that these few fill"
    )

    def order(self, factors: pd.DataFrame) -> Order:
        """Each example of one set or of the other."""

        def drawn(
            draw: np.random.Generator, rows: np.ndarray, when: np.ndarray, batch: int
        ) -> np.ndarray:
            shuffled = draw.permutation(rows)
            size = max(1, round(self.few * len(rows)))
            few, others = shuffled[:size], shuffled[size:]
            again = draw.random((len(when), batch)) < self.chance
            again |= len(others) == 0
            found = np.empty(again.shape, rows.dtype)
            found[again] = laps(draw, few, int(again.sum()))
            if len(others):
                found[~again] = laps(draw, others, int((~again).sum()))
            return found

        return drawn
