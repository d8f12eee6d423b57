"""Degree curriculum: inputs with few signs flipped come first, and more of them bit by bit.

A function of signs is a sum of products of coordinates. On inputs of which at most ``r`` signs are
-1, a product of more than ``r`` coordinates is the same as one of lower degree, so of these inputs
products up to degree ``r`` are to be learnt and no others. Training goes through these supports,

    B_r = { x : at most r signs of x are -1 },    r = 1, 2, ..., d,

for equally many steps each over a share ``until`` of the training, and then sees all rows. Rows of
a support are drawn uniformly, again where they are few; the loss is plain training's. The source
goes on to the next support when the loss is below a threshold; here a schedule of steps, known
before the training, keeps methods at equal cost.

Helps where a function has products of high degree that are hard to see among all inputs at once.
Hurts where it has none: half of the training looks at a corner of the inputs. Needs to be told how
many signs are -1, a factor called ``hamming_weight``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.erm import ERM
from gengap.methods.orders import Order
from gengap.methods.registry import HAMMING_WEIGHT, WEIGHTS, register


@register(
    "degree-curriculum",
    summary="shows inputs with few signs flipped first, then more of them bit by bit",
    paper=Paper(
        "Generalization on the unseen, logic reasoning and degree curriculum",
        "Abbe, Bengio, Lotfi, Rizk",
        2023,
        "https://arxiv.org/abs/2301.13105",
    ),
    needs=(WEIGHTS,),
)
@dataclass(frozen=True)
class DegreeCurriculum(ERM):
    """Plain training on supports that grow."""

    until: float = hyperparameter(
        0.6, 0.2, 0.9, limit=1, help="share of the training over which supports grow"
    )

    def order(self, factors: pd.DataFrame) -> Order:
        """Rows of the support of each step."""
        weights = factors[HAMMING_WEIGHT].to_numpy(np.int64)

        def drawn(
            draw: np.random.Generator, rows: np.ndarray, when: np.ndarray, batch: int
        ) -> np.ndarray:
            own = rows[np.argsort(weights[rows], kind="stable")]
            most = self.support(when, int(weights.max()))
            # Rows within each step's support; the lightest where there is none.
            within = np.searchsorted(weights[own], most, side="right")
            lightest = np.searchsorted(weights[own], weights[own[0]], side="right")
            count = np.maximum(within, lightest)
            return own[(draw.random((len(when), batch)) * count[:, None]).astype(np.int64)]

        return drawn

    def support(self, when: np.ndarray, most: int) -> np.ndarray:
        """The largest weight shown at shares ``when (m,)`` of the training, ``(m,)``.

        Args:
            most: the largest weight there is.
        """
        stage = np.floor(np.asarray(when) / self.until * (most - 1)).astype(np.int64)
        return np.minimum(1 + stage, most)
